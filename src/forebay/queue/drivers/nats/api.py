"""JetStream's own API: requests in JSON, and what its errors mean."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from forebay.errors import ForebayError, QueueFull, TooLarge, Unavailable, Unknown
from forebay.queue.drivers.nats.wire import NO_RESPONDERS, Frame, Heard, Wire

NOT_FOUND = 404
NAME_IN_USE = {10058, 10013, 10148}
FULL = {10077, 10047}
"""No room by the stream's own limits, or by the server's."""
TOO_LARGE = {10054, 10097}
"""The message, or its headers."""
Json = dict[str, Any]


class ApiError(Exception):
    """The server has refused a request."""

    def __init__(self, subject: str, error: Json) -> None:
        self.code = int(error.get("code", 0))
        self.number = int(error.get("err_code", 0))
        self.words = str(error.get("description", ""))
        super().__init__(f"{subject}: {self.words} ({self.number})")


class Stored(msgspec.Struct):
    """A message as a stream has it."""

    subject: str
    seq: int
    data: bytes
    headers: bytes
    time: str

    @property
    def stored_at(self) -> float:
        """Seconds since the epoch at which the server took it."""
        return seconds_of(self.time)


def seconds_of(time: str) -> float:
    """Return a time of the server in seconds since the epoch."""
    whole, _, fraction = time.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


class Api:
    """Requests to JetStream over one connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def ask(self, subject: str, request: Json | None = None) -> Json:
        """Send one request and return its answer.

        Raises:
            ApiError: it was refused. Unavailable: nothing happened. Unknown: no answer came.
        """
        [answer] = await self.ask_all([(subject, request)])
        if isinstance(answer, ApiError):
            raise answer
        return answer

    async def ask_all(self, requests: Sequence[tuple[str, Json | None]]) -> list[Json | ApiError]:
        """Send requests at once and return their answers, refusals among them."""
        frames = [
            Frame(f"$JS.API.{subject}", b"" if request is None else msgspec.json.encode(request))
            for subject, request in requests
        ]
        heard = await self._wire.ask(frames)
        return [_read(subject, one) for (subject, _), one in zip(requests, heard, strict=True)]

    async def info(self, subject: str, request: Json | None = None) -> Json | None:
        """Return the answer; None where the thing that is asked for does not exist."""
        [answer] = await self.ask_all([(subject, request)])
        return found(answer)

    async def consumers(self, stream: str) -> list[Json]:
        """Return what the server tells of all consumers of a stream; none where there is no stream.

        They come by name, in pages; each page begins with the last of the one before, so that none is passed over when
        another goes meanwhile.

        Raises:
            Unavailable: a cluster does not know all of them now.
        """
        consumers: list[Json] = []
        while answer := await self.info(f"CONSUMER.LIST.{stream}", {"offset": max(0, len(consumers) - 1)}):
            page = answer.get("consumers") or []
            if answer.get("missing"):
                raise Unavailable(f"NATS does not know of all consumers of {stream} now", "are all its servers up?")
            if consumers and [one["name"] for one in page[:1]] != [consumers[-1]["name"]]:
                consumers = []
                continue
            new = page[1:] if consumers else page
            consumers += new
            if not new or len(consumers) >= answer["total"]:
                break
        return consumers

    async def subjects(self, stream: str, filter: str) -> list[str]:
        """Return the subjects that a stream has messages of; none where there is no stream."""
        subjects: list[str] = []
        while answer := await self.info(f"STREAM.INFO.{stream}", {"subjects_filter": filter, "offset": len(subjects)}):
            page = answer["state"].get("subjects") or {}
            subjects += page
            if not page or len(subjects) >= answer.get("total", 0):
                break
        return subjects

    async def message(self, stream: str, **where: object) -> Stored | None:
        """Return one stored message (``seq=``, ``last_by_subj=``, ``next_by_subj=``); None: there is none."""
        [stored] = await self.messages(stream, [where])
        return stored

    async def messages(self, stream: str, wheres: Sequence[Json]) -> list[Stored | None]:
        """Return stored messages, as the leader of the stream has them."""
        answers = await self.ask_all([(f"STREAM.MSG.GET.{stream}", where) for where in wheres])
        return [_stored(answer) for answer in map(found, answers)]


def found(answer: Json | ApiError) -> Json | None:
    """Return an answer; None where it says that there is no such thing."""
    if isinstance(answer, ApiError):
        if answer.code == NOT_FOUND:
            return None
        raise answer
    return answer


def _stored(answer: Json | None) -> Stored | None:
    if answer is None:
        return None
    one = answer["message"]
    data, headers = (base64.b64decode(one.get(part, "")) for part in ("data", "hdrs"))
    return Stored(one["subject"], one["seq"], data, headers, one["time"])


def _read(subject: str, heard: Heard | None) -> Json | ApiError:
    if heard is None:
        raise Unknown(f"NATS has not answered {subject}")
    if heard.status == NO_RESPONDERS:
        raise Unavailable("NATS runs without JetStream here", "start it with -js; in a cluster: is there a leader?")
    answer: Json = msgspec.json.decode(heard.data)
    return ApiError(subject, answer["error"]) if "error" in answer else answer


class Missed(Exception):
    """The stream that a message was sent to does not exist: nothing was stored."""


def stored_at(heard: Heard | None, what: str) -> int | ForebayError | Missed | ApiError:
    """Return the place that a published message has got, or why it has none."""
    if heard is None:
        return Unknown(f"{what}: NATS has not confirmed it in time")
    if heard.status == NO_RESPONDERS:
        return Missed(f"{what}: there is no such stream")
    answer = msgspec.json.decode(heard.data)
    if "error" not in answer:
        return int(answer["seq"])
    return ApiError(what, answer["error"])


def refusal(error: ApiError | Missed) -> ForebayError:
    """Return what it means that a message was refused: it was not stored."""
    if isinstance(error, ApiError) and error.number in FULL:
        return QueueFull(f"{error}: the stream's own limit is reached; nothing was dropped")
    if isinstance(error, ApiError) and error.number in TOO_LARGE:
        return TooLarge(f"{error}")
    return Unavailable(f"{error}")
