"""What the stores of one name share, until the last of them is closed."""

from __future__ import annotations

from forebay.stores.store import Claim, Result
from forebay.stores.turns import Turns


class Memory:
    """What the stores of one name share."""

    def __init__(self) -> None:
        self.inbox: dict[tuple[str, str], Result | None] = {}
        self.latest: dict[str, Result] = {}
        self.claims: dict[str, Claim] = {}
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
