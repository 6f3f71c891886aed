from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from effects import Effects
from forebay.stores.opening import open_store
from forebay.stores.store import Store


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("redis", marks=pytest.mark.server),
        pytest.param("postgresql", marks=pytest.mark.server),
    ]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is empty and this test's alone, for each kind of store."""
    place = f"test_{uuid.uuid4().hex}"
    if request.param == "memory":
        return f"memory://{place}"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/results.db"
    if request.param == "redis":
        return f"{request.getfixturevalue('redis').url}/0?prefix={place}"
    return f"{request.getfixturevalue('postgres').url}?schema={place}"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def effects(store: Store) -> Effects:
    made = Effects(store)
    await made.make()
    return made
