"""``python killed_at.py STAGE CALL serve orderstore ...``: the command line, in a process that dies at its work.

The stages of an order: it was taken; it is about to be stored; it is stored; it is in memory and about to be settled;
it is settled. When one of them is reached for the CALL-th time the process kills itself by SIGKILL: nothing is said
or closed.
"""

from __future__ import annotations

import functools
import os
import signal
import sys

from forebay import wiring
from forebay.cli import main
from forebay.services.orderstore.keeping import Keeper
from forebay.workers.handler import Handler

STAGES = ("taken", "before the store", "stored", "before it is settled", "settled")


class Death:
    """Kills this process when its stage is reached for the n-th time."""

    def __init__(self, stage, call):
        self.stage, self.left = stage, call

    def at(self, stage):
        if stage == self.stage:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def around(death, function, before, after):
    @functools.wraps(function)
    async def wrapped(*arguments):
        death.at(before)
        answer = await function(*arguments)
        death.at(after)
        return answer

    return wrapped


def prepare(death):
    body_of, make, open_driver = Handler.body_of, Keeper.__init__, wiring.open_driver

    def body(self, message):
        death.at("taken")
        return body_of(self, message)

    def made(self, collection, *others):
        collection.keep = around(death, collection.keep, "before the store", "stored")
        make(self, collection, *others)

    async def opened(*arguments, **options):
        driver = await open_driver(*arguments, **options)
        driver.settle = around(death, driver.settle, "before it is settled", "settled")
        return driver

    Handler.body_of, Keeper.__init__, wiring.open_driver = body, made, opened


if __name__ == "__main__":
    prepare(Death(sys.argv[1], int(sys.argv[2])))
    sys.argv[1:3] = []
    main()
