"""What queue and store know of a Redis server, without one."""

from __future__ import annotations

import pytest
from redis import exceptions

from forebay.durability import Durability
from forebay.errors import Unavailable, Unknown
from forebay.redisserver.address import Address
from forebay.redisserver.failures import broken, no_entry
from forebay.redisserver.proof import Proof


def test_an_address_without_a_password_sends_none_and_one_with_it_does_not_show_it():
    assert Address(host="h", port=1).settings["password"] is None
    assert "word" not in repr(Address(host="h", port=1, user="me", password="word"))


def test_what_was_sent_and_not_answered_is_unknown_and_what_was_not_sent_did_not_happen():
    assert isinstance(broken(OSError("gone"), sent=True), Unknown)
    assert isinstance(broken(OSError("gone"), sent=False), Unavailable)
    assert isinstance(no_entry(TimeoutError()), Unavailable)
    assert isinstance(no_entry(KeyboardInterrupt()), KeyboardInterrupt)


def test_a_number_of_a_database_that_the_server_has_not_is_told_from_a_wrong_password():
    assert "number" in no_entry(exceptions.ResponseError("DB index is out of range")).hint
    assert "password" in no_entry(exceptions.AuthenticationError("WRONGPASS invalid username-password pair")).hint


@pytest.mark.parametrize(
    ("version", "old"), [("6.0.16", True), ("6.2.0", False), ("7.0.15", False), ("10.1", False), ("", False)]
)
def test_a_server_without_the_commands_of_the_scripts_is_too_old(version, old):
    assert Proof({}, {"redis_version": version}).too_old is old


def test_what_is_not_proved_is_not_claimed():
    assert Proof({}, {}).durability is Durability.MEMORY
    assert Proof({}, {"aof_enabled": "1"}).durability is Durability.OS
    assert Proof({}, {"aof_enabled": "1", "maxmemory": "9", "maxmemory_policy": "allkeys-lfu"}).durability is (
        Durability.MEMORY
    )
    always = {"appendonly": "yes", "appendfsync": "always"}
    assert Proof(always, {}).durability is Durability.OS
    assert Proof({**always, "no-appendfsync-on-rewrite": "no"}, {}).durability is Durability.FSYNC
    assert "not allowed" in Proof({}, {"aof_enabled": "1"}).words


def test_valkey_calls_itself_so():
    proof = Proof({}, {"redis_version": "7.2.4", "valkey_version": "8.0.1", "server_name": "valkey"})
    assert (proof.product, proof.version, proof.too_old) == ("Valkey", "8.0.1", False)
