"""What the stores of one name share, until the last of them is closed."""

from __future__ import annotations

from forebay.stores.collection import Document
from forebay.stores.store import Claim, Result
from forebay.stores.turns import Turns


class Numbered:
    """The documents of a collection, by key and in the order of their numbers."""

    def __init__(self) -> None:
        self.by_key: dict[str, Document] = {}
        self.in_order: list[Document] = []

    def keep(self, document: Document) -> Document:
        """Give a document its number, and return it; or what was kept under its key before."""
        if (known := self.by_key.get(document.key)) is not None:
            return known
        kept = Document(document.key, document.value, len(self.in_order) + 1)
        self.by_key[kept.key] = kept
        self.in_order.append(kept)
        return kept


class Memory:
    """What the stores of one name share."""

    def __init__(self) -> None:
        self.inbox: dict[tuple[str, str], Result | None] = {}
        self.latest: dict[str, Result] = {}
        self.claims: dict[str, Claim] = {}
        self.windows: dict[str, list[int]] = {}
        self.collections: dict[str, Numbered] = {}
        self.turns = Turns()
        self.users = 0

    def keep(self, result: Result) -> bool:
        """Put a result into the inbox; False when one was there."""
        row = (result.id, result.topic)
        if self.inbox.get(row) is not None:
            return False
        self.inbox[row] = result
        known = self.latest.get(result.id)
        if known is None or known.done_at <= result.done_at:
            self.latest[result.id] = result
        return True

    def enter(self, id: str, topic: str) -> bool:
        """Put a row without a result into the inbox; False when one was there."""
        if (id, topic) in self.inbox:
            return False
        self.inbox[id, topic] = None
        return True


_MEMORIES: dict[str, Memory] = {}


def enter(name: str) -> Memory:
    """Return the memory of a name, which all who ask for it share."""
    memory = _MEMORIES.setdefault(name, Memory())
    memory.users += 1
    return memory


def leave(name: str) -> None:
    """Forget the memory of a name when nobody has it open any more."""
    memory = _MEMORIES[name]
    memory.users -= 1
    if memory.users == 0:
        del _MEMORIES[name]
