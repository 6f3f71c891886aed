"""Who is let in to a Redis server, over which connection, and what an account may not see."""

from __future__ import annotations

import asyncio
import math
import subprocess

import pytest
import redis.asyncio as client

from driving import messages, take
from forebay.durability import Durability
from forebay.errors import Unavailable
from forebay.lab.servers import Redis
from forebay.lab.servers.process import free_port
from forebay.queue.driver import Settlement
from forebay.queue.drivers import redis as driver_of_redis
from redis_drivers import opening, server_with


@pytest.fixture
async def opened(redis):
    async with opening(redis) as open_one:
        yield open_one


async def test_an_account_that_may_not_ask_for_settings_gets_the_lower_class(opened, own_server):
    server = own_server(Redis)
    admin = client.Redis(port=server.port)
    rights = "on >secret resetkeys ~forebay:* resetchannels &forebay:* -@all +@read +@write +@pubsub +@scripting"
    await admin.execute_command("ACL", "SETUSER", "worker", *rights.split(), "+@connection", "+time")
    await admin.execute_command("ACL", "SETUSER", "half", *rights.split(), "+@connection", "+time", "+info")
    account = server.url.replace("//", "//worker:secret@")
    driver = await opened(account)
    assert driver.durability is Durability.MEMORY
    await driver.publish(messages(2), math.inf)
    await driver.settle([Settlement(one) for one in await take(driver, 1)])
    await take(driver, 1)
    assert (await opened(server.url.replace("//", "//half:secret@"))).durability is Durability.OS
    await admin.execute_command(
        "ACL", "SETUSER", "whole", *rights.split(), "+@connection", "+time", "+info", "+config|get"
    )
    assert (await opened(server.url.replace("//", "//whole:secret@"))).durability is Durability.FSYNC
    await admin.execute_command("ACL", "SETUSER", "worker", "resetchannels")
    with pytest.raises(Unavailable) as caught:
        await opened(account)
    assert "&forebay:*" in caught.value.hint
    await admin.aclose()


async def test_a_wrong_password_is_refused_and_not_told(opened, own_server):
    server = own_server(server_with(requirepass="the-right-one"))
    for account in (":not-this-one@", "nobody:not-this-one@", ""):
        with pytest.raises(Unavailable) as caught:
            await opened(server.url.replace("//", f"//{account}"))
        told = f"{caught.value} {caught.value.hint} {caught.value.__cause__!r} {caught.value.__context__!r}"
        assert "not-this-one" not in told
        assert caught.value.hint
    driver = await opened(server.url.replace("//", "//:the-right-one@"))
    assert "the-right-one" not in repr(vars(driver)) + repr(driver_of_redis.address.Address(host="h", port=1))


async def test_rediss_is_encrypted_and_trusts_only_whom_it_shall(opened, own_server, tmp_path, required):
    required(Redis)
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    certificate = {"tls_cert_file": str(tmp_path / "cert.pem"), "tls_key_file": str(tmp_path / "key.pem")}
    port = str(free_port())
    own_server(server_with(tls_port=port, tls_auth_clients="no", **certificate))
    url = f"rediss://127.0.0.1:{port}"
    driver = await opened(url, cafile=str(tmp_path / "cert.pem"))
    await driver.publish(messages(1), math.inf)
    assert len(await take(driver, 1)) == 1
    with pytest.raises(Unavailable):
        await opened(url)


async def test_a_topic_lies_in_one_slot_of_a_cluster(opened, own_server):
    server = own_server(server_with(cluster_enabled="yes", cluster_port=str(free_port())))
    admin = client.Redis(port=server.port)
    await admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    async with asyncio.timeout(30):
        while b"cluster_state:ok" not in await admin.execute_command("CLUSTER", "INFO"):
            await asyncio.sleep(0.05)
    drivers = [await opened(server.url, order="key"), await opened(server.url, group="audit")]
    await drivers[0].publish(messages(3, key="k"), math.inf)
    for driver, count in zip(drivers, (1, 3), strict=True):
        taken = await take(driver, count)
        assert list(await driver.settle([Settlement(one) for one in taken])) == [True] * count
    await admin.aclose()


async def test_a_server_that_is_not_there_accepts_nothing(opened):
    with pytest.raises(Unavailable, match="reached"):
        await opened(f"redis://127.0.0.1:{free_port()}")
