"""A salvo: several batteries that fire at once, each its own run; one is the common case."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forebay.load.battery import Battery
from forebay.load.results.run import Run

_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Salvo:
    """Fires all batteries at once, and ends when the last has.

    `stop` and `halt` are those of every battery, and may be called by a signal handler.
    """

    batteries: Sequence[Battery]
    _failures: list[BaseException] = field(init=False, default_factory=list)

    def fire(self, look: Callable[[], None]) -> None:
        """Fire until all have ended.

        Arguments:
            look: called about once a second, and at the end.

        Raises:
            ForebayError: what ended a process before its time; then the others are ended too.
        """
        if len(self.batteries) == 1:
            self.batteries[0].fire(lambda run: look())
            return
        threads = [threading.Thread(target=self._fire, args=[battery]) for battery in self.batteries]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join(_LOOK_SECONDS)
                while thread.is_alive():
                    look()
                    thread.join(_LOOK_SECONDS)
            look()  # when the last has ended: it may have done so since the look before
        except BaseException:
            self.halt()
            raise
        finally:
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def stop(self) -> None:
        """Fire no more; what is in flight is waited for."""
        for battery in self.batteries:
            battery.stop()

    def halt(self) -> None:
        """End at once."""
        for battery in self.batteries:
            battery.halt()

    @property
    def run(self) -> Run:
        """The figures of all together so far; of several without seconds and tags, which are told by their own runs."""
        runs = [battery.run for battery in self.batteries]
        if len(runs) == 1:
            return runs[0]
        whole = Run(", ".join(run.url for run in runs), "", max(run.seconds for run in runs))
        whole.zero = min(run.zero for run in runs)
        for run in runs:
            whole.total.merge(run.total)
            whole.in_flight += run.in_flight
            whole.on_way += run.on_way
            whole.interrupted |= run.interrupted
        return whole

    def _fire(self, battery: Battery) -> None:
        try:
            battery.fire()
        except BaseException as error:
            self._failures.append(error)
            self.halt()
