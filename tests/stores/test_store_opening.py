from __future__ import annotations

import sys
from pathlib import Path

import pytest

from forebay.errors import Unavailable, UsageError
from forebay.stores.memory import MemoryStore
from forebay.stores.opening import SCHEMES, open_store
from forebay.stores.store import Result
from forebay.url import parse


async def test_a_store_is_opened_by_text_or_by_url() -> None:
    for address in ("memory://opening", parse("memory://opening")):
        store = await open_store(address)
        assert isinstance(store, MemoryStore)
        await store.close()


async def test_an_unknown_scheme_is_told_with_the_known_ones_and_without_the_password() -> None:
    with pytest.raises(UsageError, match="'mysql'") as caught:
        await open_store("mysql://me:secret-word@host/db")
    assert "secret-word" not in caught.value.what
    for scheme in set(SCHEMES) - {"postgres"}:
        assert scheme in caught.value.hint


async def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("forebay.stores.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match="psycopg") as caught:
        await open_store("postgres://host/db")
    assert 'pip install "forebay[postgres]"' in caught.value.hint


async def test_a_missing_client_of_redis_is_told_with_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("forebay.stores.redis", "forebay.redisserver"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(UsageError, match="redis") as caught:
        await open_store("redis://host/0")
    assert 'pip install "forebay[redis]"' in caught.value.hint


@pytest.mark.parametrize("address", ["sqlite://results.db", "sqlite://", "memory://a/b"])
async def test_an_address_without_a_sound_place_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        await open_store(address)


async def test_a_file_in_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await open_store(f"sqlite:///{tmp_path}/nowhere/results.db")


async def test_memory_is_shared_by_name_until_the_last_has_closed_it() -> None:
    one, two = await open_store("memory://shared"), await open_store("memory://shared")
    await one.save([Result("a", "t", b"1", 0.0, 0.0, 0.0)])
    await one.close()
    assert await two.count("t") == 1
    await two.close()
    three = await open_store("memory://shared")
    assert await three.count("t") == 0
    await three.close()
