"""One order, asked for by number or uid: from memory at once, else from the store."""

from __future__ import annotations

from collections.abc import Awaitable

from forebay import Collection, Document, ForebayError, Request, Response, Undecodable, problem
from forebay.services.orderstore.memory import Memory, answer_of
from forebay.services.orderstore.reading import created_of

LONGEST_NUMBER = 18
"""Digits: what is longer need not be a whole number of 64 bits."""

LONGEST_UID = 200

ASKED_WRONGLY = problem(400, "ask for one order: by id, number or order_uid")
NOT_A_NUMBER = problem(400, "the number of an order is 1, 2, 3 ...")
NOT_A_UID = problem(400, f"an order_uid has 1 to {LONGEST_UID} characters")
NO_SUCH_ORDER = problem(404, "there is no such order")
NO_STORE = problem(503, "not in memory, and the store cannot be reached").with_headers((b"retry-after", b"1"))


class Lookup:
    """Answers for single orders.

    Arguments:
        memory: asked first; an order that was not there is put there when the store has it.
        collection: where all orders are.
        by_number: what `id` means: the number; False: the `order_uid`.

    Attributes:
        from_memory, from_store, missing: how many orders were found, here and there, and how many were not.
    """

    def __init__(self, memory: Memory, collection: Collection, by_number: bool) -> None:
        self._memory = memory
        self._collection = collection
        self._by = {
            "id": self._numbered if by_number else self._of_uid,
            "number": self._numbered,
            "order_uid": self._of_uid,
        }
        self.from_memory = 0
        self.from_store = 0
        self.missing = 0

    def by_parameter(self, request: Request) -> Response | Awaitable[Response]:
        """Answer ``GET /orders?id=1``, ``GET /orders?number=1`` and ``GET /orders?order_uid=b563feb7``."""
        name = request.query.partition("=")[0]
        try:
            if name in self._by and "&" not in request.query:
                return self._by[name](request.parameter(name) or "")
            asked = {name: text for name in self._by if (text := request.parameter(name)) is not None}
        except Undecodable as error:
            return problem(400, str(error))
        if len(asked) != 1:
            return ASKED_WRONGLY
        ((name, text),) = asked.items()
        return self._by[name](text)

    def by_path(self, request: Request) -> Response | Awaitable[Response]:
        """Answer ``GET /orders/b563feb7``."""
        return self._of_uid(request.tail)

    def _numbered(self, text: str) -> Response | Awaitable[Response]:
        if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and (number := int(text))):
            return NOT_A_NUMBER
        kept = self._memory.by_number.get(number)
        if kept is None:
            return self._from_store(self._collection.numbered(number))
        self.from_memory += 1
        return kept.answer

    def _of_uid(self, uid: str) -> Response | Awaitable[Response]:
        kept = self._memory.by_uid.get(uid)
        if kept is not None:
            self.from_memory += 1
            return kept.answer
        return self._from_store(self._collection.get(uid)) if 0 < len(uid) <= LONGEST_UID else NOT_A_UID

    async def _from_store(self, asked: Awaitable[Document | None]) -> Response:
        try:
            document = await asked
        except ForebayError as error:
            if not error.retryable:
                raise
            return NO_STORE
        if document is None:
            self.missing += 1
            return NO_SUCH_ORDER
        self.from_store += 1
        self._memory.add(document, created_of(document))
        return answer_of(document)
