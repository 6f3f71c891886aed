"""Opening a topic: connect, make what is missing, prove the durability, and put the parts together."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Order
from forebay.queue.drivers.nats.address import Address, read_address
from forebay.queue.drivers.nats.api import Api
from forebay.queue.drivers.nats.arrivals import Arrivals
from forebay.queue.drivers.nats.driver import Group, NATSQueue
from forebay.queue.drivers.nats.durability import proved
from forebay.queue.drivers.nats.fetcher import Fetcher
from forebay.queue.drivers.nats.leases import Leases
from forebay.queue.drivers.nats.ledger import Ledger, OwnLedger
from forebay.queue.drivers.nats.letters import Letters
from forebay.queue.drivers.nats.notes import Notes, OwnNotes, StreamNotes, Tally
from forebay.queue.drivers.nats.publisher import Publisher
from forebay.queue.drivers.nats.purge import Purge
from forebay.queue.drivers.nats.settler import Settler
from forebay.queue.drivers.nats.structures import Structures, Way, version_of, ways_of
from forebay.queue.drivers.nats.trimming import Trimmer
from forebay.queue.drivers.nats.turns import Turns
from forebay.queue.drivers.nats.wire import Wire
from forebay.url import URL


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> NATSQueue:
    """Open a topic of NATS JetStream, making its streams and the group's consumers where they are missing.

    Raises:
        UsageError, Unsupported: the URL asks for what is not known, or what NATS cannot give.
        Unavailable: no server answers, or it has no JetStream.
    """
    address = read_address(url)
    wire = Wire(address)
    await wire.open()
    try:
        api = Api(wire)
        structures = Structures(api, address, version_of(str(wire.info.get("version", ""))))
        await structures.make()
        durability, _ = await proved(structures.stream, wire.info, address.monitor)
        each = await structures.make_each() if address.asked.ephemeral else []
        group = await _group(wire, api, address, structures, each, clock)
        return NATSQueue(wire, structures, group, durability, each)
    except BaseException:
        await wire.close()
        raise


async def _group(
    wire: Wire, api: Api, address: Address, structures: Structures, each: Sequence[Way], clock: Clock
) -> Group:
    asked, names = address.asked, address.names
    ways = each or ways_of(names, asked.group)
    notes: Notes = OwnNotes() if each else StreamNotes(wire, api, names, asked.group)
    reissued = Tally(wire, api, names, "_all", "reissued")
    discarded = Tally(wire, api, names, asked.group, "discarded")
    leases = Leases(wire, structures.lease)
    turns = None
    if asked.order is not Order.NONE and not each:
        turns = Turns(wire, api, names, asked.group, asked.order)
    letters: Letters | None = None
    ledger: Ledger | OwnLedger
    if each:
        ledger = OwnLedger(api, each, notes, clock)
    else:
        letters = Letters(wire, api, names, asked.group, reissued, discarded)
        ledger = Ledger(api, names, ways, notes, letters, reissued, discarded, clock)
    fetcher = Fetcher(wire, ways)
    if turns is not None:
        turns.listen(fetcher.hurry)
    return Group(
        publisher=Publisher(wire, api, names, structures, clock),
        fetcher=fetcher,
        arrivals=Arrivals(wire, names, leases, notes, turns, reissued, clock),
        leases=leases,
        settler=Settler(leases, notes, letters, turns, clock),
        ledger=ledger,
        letters=letters,
        purge=Purge(wire, api, ways, leases, notes),
        discarded=discarded,
        trimmer=Trimmer(api, names, leases, [asked.topic, *([] if each else [asked.group])]),
    )
