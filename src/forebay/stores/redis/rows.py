"""Results, claims and documents as the texts that lie in Redis: readable with redis-cli, exact to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from forebay.stores.collection import Document
from forebay.stores.store import Claim, Result

_encode = msgspec.json.Encoder().encode
_decode_claim = msgspec.json.Decoder(tuple[str, str, str]).decode


def row_of(result: Result) -> bytes:
    """Return the inbox row of a result: accepted_at, started_at, done_at, attempts, and the value as it is."""
    r = result
    return f"{r.accepted_at!r} {r.started_at!r} {r.done_at!r} {r.attempts} ".encode() + r.value


def result_of(id: str, topic: str, row: bytes) -> Result:
    """Return what :func:`row_of` wrote."""
    accepted_at, started_at, done_at, attempts, value = row.split(b" ", 4)
    return Result(id, topic, value, float(accepted_at), float(started_at), float(done_at), int(attempts))


def words_of(claim: Claim) -> tuple[str, bytes, str, str]:
    """Return what the script takes of a claim: key, the rest of it, its age, its reference."""
    claimed_at = repr(claim.claimed_at)
    return claim.key, _encode((claim.fingerprint, claim.id, claimed_at)), claimed_at, claim.reference


def claim_of(key: str, rest: bytes, reference: bytes | None) -> Claim:
    """Return a claim that stands."""
    fingerprint, id, claimed_at = _decode_claim(rest)
    return Claim(key, fingerprint, id, float(claimed_at), (reference or b"").decode())


def document_of(key: str, row: bytes) -> Document:
    """Return a document from its row: number and value."""
    number, _, value = row.partition(b" ")
    return Document(key, value, int(number))


def numbers_among(values: Sequence[bytes]) -> Iterator[int]:
    """Yield the values of a window; what somebody else put there, and is no number, is passed over."""
    for value in values:
        try:
            yield int(value)
        except ValueError:
            continue


def pairs(words: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Return words two by two."""
    return zip(words[::2], words[1::2], strict=True)
