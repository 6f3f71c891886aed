from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.lab.servers import PostgreSQL
from forebay.message import new_id
from forebay.stores.opening import open_store
from forebay.stores.storable import refusal
from forebay.stores.store import Result, Store

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
async def store(postgres: PostgreSQL) -> AsyncIterator[Store]:
    opened = await open_store(f"{postgres.url}?schema=test_{uuid.uuid4().hex}")
    yield opened
    await opened.close()


def holds_nul(document: object) -> bool:
    if isinstance(document, str):
        return "\0" in document
    if isinstance(document, list):
        return any(map(holds_nul, document))
    return isinstance(document, dict) and any(map(holds_nul, [*document, *document.values()]))


@given(document=documents)
def test_a_document_is_refused_exactly_when_it_holds_a_nul(document: object) -> None:
    result = Result(new_id(), "t", msgspec.json.encode(document), 0.0, 0.0, 0.0)
    assert (refusal(result) is not None) == holds_nul(document)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(values=st.lists(documents.map(msgspec.json.encode) | st.binary(max_size=12), min_size=1, max_size=10))
async def test_what_passes_here_postgresql_takes(store: Store, values: list[bytes]) -> None:
    results = [Result(new_id(), "t", value, 0.0, 0.0, 0.0) for value in values]
    answers = await store.save(results)
    assert [answer is True for answer in answers] == [refusal(result) is None for result in results]
