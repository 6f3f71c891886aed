"""Listeners that say what they hear are spared the rest; those that fail harm nobody."""

from __future__ import annotations

from forebay import App
from forebay.events import Finished, Started


async def test_a_listener_that_names_what_it_hears_gets_that_alone():
    heard, heard_all = [], []

    class OnlyEnds:
        hears = frozenset({Finished})

        def __call__(self, event):
            heard.append(type(event))

    app = App("shop")

    @app.handler("orders")
    async def handler(body: bytes) -> None: ...

    async with app.running(queue="memory://") as running:
        running.listen(OnlyEnds())
        running.listen(lambda event: heard_all.append(type(event)))
        await running.publish("orders", b"x")
        await running.drained(10)
    assert heard == [Finished]
    assert {Started, Finished} < set(heard_all)
