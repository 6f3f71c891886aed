"""A driver of one's own: topics on a shelf of this process, first in, first out. It passes the whole suite.

python 06_own_driver.py

Every method is as plain as it can be; docs/how-to/write-a-driver.md tells what each of them owes.
"""

import asyncio
import platform
import sys
from collections import Counter

from forebay import App, Discipline, Durability, Message
from forebay.clock import SYSTEM_CLOCK
from forebay.disciplines import Order
from forebay.errors import QueueFull, Unavailable
from forebay.queue.admin import Examination, Finding, Lag, Severity, TopicInfo, check_new, check_removable, no_topic
from forebay.queue.driver import Counts, DeadLetter, Delivery, Ending, Features, Found, State
from forebay.queue.opening import register
from forebay.queue.options import OPTIONS, asked_of

FEATURES = Features(
    disciplines=frozenset({Discipline.FIFO}),
    orders=frozenset({Order.NONE}),
    persistent=False,
    crosses_processes=False,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
)
POLL_SECONDS = 0.005
TOPICS: dict[str, "Topic"] = {}


class Item:
    """A message in one group, and where it is there."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.state = State.RETRYING if message.not_before else State.WAITING
        self.due = message.not_before  # when its delay or its lease ends
        self.attempts = 0
        self.lease: object = None  # a new one for each delivery: an old one settles nothing
        self.holder: object = None

    def seen(self, now: float) -> State:
        ended = self.state in {State.IN_WORK, State.RETRYING} and self.due <= now
        return State.WAITING if ended else self.state

    def rest(self, state: State, due: float = 0.0) -> None:
        self.state, self.due, self.lease = state, due, None


class Group:
    """What one group still has to do, in the order of publishing, and what it has done."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.accepted = self.done = self.discarded = 0

    def taken(self, *states: State, now: float) -> int:
        return sum(item.seen(now) in states for item in self.items.values())


class Topic:
    """The groups of one topic; that of its own name is there from the beginning."""

    def __init__(self, name: str) -> None:
        self.groups = {name: Group()}
        self.listeners: list[Group] = []
        self.removed = False


async def connect(url, *, clock=SYSTEM_CLOCK):
    """Open a topic and a group; both are made where they do not exist."""
    url.check_options(OPTIONS)
    asked = asked_of(url)
    topic = TOPICS.setdefault(asked.topic, Topic(asked.topic))
    if asked.ephemeral:
        topic.listeners.append(group := Group())
    else:
        group = topic.groups.setdefault(asked.group, Group())
    return Shelf(topic, group, asked.lease, clock)


class Shelf:
    """One topic and one group of it."""

    features = FEATURES
    durability = Durability.MEMORY

    def __init__(self, topic, group, lease, clock):
        self.topic, self.group, self.lease, self.clock = topic, group, lease, clock
        self.closed = False

    def now(self):
        if self.closed or self.topic.removed:
            raise Unavailable("the shelf is closed")
        return self.clock.time()

    async def publish(self, messages, places):
        now = self.now()
        return [self.put(message, places, now) for message in messages]

    def put(self, message, places, now):
        groups = [*self.topic.groups.values(), *self.topic.listeners]
        lacking = [group for group in groups if message.id not in group.items]
        for group in lacking:
            if group not in self.topic.listeners and group.taken(State.WAITING, State.RETRYING, now=now) >= places:
                return QueueFull("the shelf is full")
        for group in lacking:
            group.items[message.id] = Item(message)
            group.accepted += 1
        return message.id

    async def receive(self, limit, wait):
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while True:
            now = self.now()
            ready = self.waiting(now)
            if ready[:limit] or limit < 1 or loop.time() >= end:
                return [self.hand_over(item, now) for item in ready[:limit]]
            await asyncio.sleep(min(POLL_SECONDS, wait))  # cancelled here, it has taken nothing yet

    def waiting(self, now):
        found = [item for item in self.group.items.values() if item.seen(now) is State.WAITING]
        for item in found:
            item.rest(State.WAITING)  # a lease that has ended is over for good
        return found

    def hand_over(self, item, now):
        item.state, item.due, item.lease, item.holder = State.IN_WORK, now + self.lease, object(), self
        item.attempts += 1
        return Delivery(item.message, item.attempts, (item, item.lease))

    async def settle(self, settlements):
        now = self.now()
        return [self.end(settlement, now) for settlement in settlements]

    def end(self, settlement, now):
        item, lease = settlement.delivery.handle
        if item.lease is not lease:
            return False
        if settlement.ending in {Ending.RETRY, Ending.DEAD} and settlement.headers is not None:
            item.message = item.message.replace(headers=settlement.headers)
        match settlement.ending:
            case Ending.DONE:
                item.lease = None
                del self.group.items[item.message.id]
                self.group.done += 1
            case Ending.RETRY:
                item.rest(State.RETRYING, now + settlement.delay)
            case Ending.DEAD:
                item.rest(State.DEAD)
            case Ending.RELEASE:
                item.attempts -= 1
                item.rest(State.WAITING)
        return True

    async def extend(self, deliveries):
        due = self.now() + self.lease
        for item, lease in (delivery.handle for delivery in deliveries):
            if item.lease is lease:
                item.due = due

    async def counts(self):
        now, group = self.now(), self.group
        states = Counter(item.seen(now) for item in group.items.values())
        unfinished = [i.message.accepted_at for i in group.items.values() if i.state is not State.DEAD]
        return Counts(
            accepted=group.accepted,
            waiting=states[State.WAITING],
            in_work=states[State.IN_WORK],
            retrying=states[State.RETRYING],
            done=group.done,
            dead=states[State.DEAD],
            discarded=group.discarded,
            oldest_seconds=max(0.0, now - min(unfinished, default=now)),
        )

    async def find(self, reference):
        now = self.now()
        item = self.group.items.get(reference)
        return item and Found(item.seen(now), item.message.accepted_at, item.attempts, item.message.headers)

    async def dead_letters(self, limit=100, after=""):
        self.now()
        ids = sorted(id for id, item in self.group.items.items() if item.state is State.DEAD and id > after)
        return [DeadLetter(self.group.items[id].message, self.group.items[id].attempts) for id in ids[:limit]]

    async def return_dead(self, ids):
        dead = self.dead_of(ids)
        for item in dead:
            item.attempts = 0
            item.rest(State.WAITING)
        return len(dead)

    async def drop_dead(self, ids):
        return self.discard(self.dead_of(ids))

    async def purge(self):
        now = self.now()
        later = [item for item in self.group.items.values() if item.seen(now) is State.RETRYING]
        return self.discard([*self.waiting(now), *later])

    def dead_of(self, ids):
        self.now()
        found = [self.group.items.get(id) for id in dict.fromkeys(ids)]
        return [item for item in found if item and item.state is State.DEAD]

    def discard(self, items):
        for item in items:
            item.lease = None
            del self.group.items[item.message.id]
        self.group.discarded += len(items)
        return len(items)

    async def close(self):
        if self.closed:
            return
        self.closed = True
        for item in self.group.items.values():
            if item.lease is not None and item.holder is self:
                item.attempts -= 1
                item.rest(State.WAITING)
        if self.group in self.topic.listeners:
            self.topic.listeners.remove(self.group)


async def administer(url):
    """Open the operator's side."""
    url.check_options(OPTIONS)
    return ShelfAdmin(url)


class ShelfAdmin:
    """All topics of the shelf."""

    def __init__(self, url):
        self.url = url

    async def topics(self):
        return [self.told(name) for name in sorted(TOPICS)]

    async def create(self, name):
        check_new(name, exists=name in TOPICS)
        await (await connect(self.url.with_options(topic=name, group=self.url.options.get("group", name)))).close()
        return self.told(name)

    async def remove(self, name, group=None):
        topic = self.topic(name)
        if group is None:
            TOPICS.pop(name).removed = True
        else:
            check_removable(name, group, topic.groups)
            del topic.groups[group]

    async def lags(self, name):
        now = SYSTEM_CLOCK.time()
        groups = self.topic(name).groups
        return [Lag(group=group, waiting=groups[group].taken(State.WAITING, now=now)) for group in sorted(groups)]

    async def examine(self, name=""):
        finding = Finding(
            severity=Severity.LOSES,
            setting="shelf",
            value="this process",
            why="All messages are gone when the process ends.",
            mend="use it for examples only",
        )
        return Examination(
            product="shelf",
            version=platform.python_version(),
            durability=Durability.MEMORY,
            proof="nothing is written anywhere",
            findings=[finding],
        )

    async def close(self):
        pass

    def topic(self, name):
        if name not in TOPICS:
            raise no_topic(name, "on the shelf")
        return TOPICS[name]

    def told(self, name):
        return TopicInfo(name=name, groups=sorted(TOPICS[name].groups))


async def main() -> None:
    app = App("shop")

    @app.post("/orders")
    async def ship(order: dict) -> None:
        print(f"shipped: {order['product']}")

    register("shelf", sys.modules[__name__])  # an installed package offers it as an entry point of forebay.drivers
    async with app.running(queue="shelf:///") as running:
        await running.publish("orders", {"product": "mill"})
        await running.drained(timeout=10)
        print(*await running.ledgers())


if __name__ == "__main__":
    asyncio.run(main())
