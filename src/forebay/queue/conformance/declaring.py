"""What a driver declares, and what is seen of that which it does not declare."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

from collections.abc import Awaitable, Callable

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.queue.conformance.harness import INF, Harness, accepted, message

Note = Callable[[str, object], None]
"""pytest's `record_property`."""


class Declaring(Harness):
    """Its features."""

    async def test_a_driver_has_what_its_module_declares_and_the_least_that_all_have(self) -> None:
        driver = await self.opened()
        assert driver.features == self.features
        assert isinstance(driver.durability, Durability)
        assert Discipline.FIFO in self.features.disciplines
        assert Order.NONE in self.features.orders
        assert self.features.lanes >= 1

    async def test_what_is_not_declared_is_looked_at_and_noted(self, record_property: Note) -> None:
        looks: dict[str, Callable[[], Awaitable[bool]]] = {
            "deduplicates": self.knows_a_duplicate,
            "exact_places": self.holds_places,
            "finds": self.finds_a_message,
            "remembers": self.shows_a_new_group_the_past,
        }
        absent = {name: look for name, look in looks.items() if not getattr(self.features, name)}
        self.need(bool(absent), "that it lacks a feature that can be looked at")
        for name, look in absent.items():
            record_property(name, await look())

    async def knows_a_duplicate(self) -> bool:
        driver = await self.opened("-duplicates")
        one = message(key="one")
        for _ in range(2):
            await accepted(driver, [one])
        await self.take(driver, 1)
        return not await driver.receive(1, 10 * self.moment)

    async def holds_places(self) -> bool:
        driver = await self.opened("-places")
        results = [(await driver.publish([message()], 5))[0] for _ in range(15)]
        return sum(isinstance(result, str) for result in results) == 5

    async def finds_a_message(self) -> bool:
        driver = await self.opened("-found")
        [reference] = await driver.publish([message()], INF)
        return isinstance(reference, str) and await driver.find(reference) is not None

    async def shows_a_new_group_the_past(self) -> bool:
        publisher = await self.opened("-past")
        await accepted(publisher, [message()])
        late = await self.opened("-past", group="late")
        return bool(await late.receive(1, 10 * self.moment))
