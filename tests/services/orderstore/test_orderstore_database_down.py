"""The order store while PostgreSQL is killed under it, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from forebay.lab.servers import PostgreSQL
from orderstore_orders import POISON, an_order


async def trouble_told(shop):
    async with asyncio.timeout(60):
        while "save" not in await shop.troubles():
            await asyncio.sleep(0.05)


@pytest.mark.server
async def test_nothing_is_lost_or_given_up_and_memory_goes_on_answering(serve, own_server):
    database = await asyncio.to_thread(own_server, PostgreSQL)
    before = {f"before-{n}": an_order(f"before-{n}") for n in range(30)}
    meanwhile = {f"meanwhile-{n}": an_order(f"meanwhile-{n}") for n in range(30)}
    poison = list(POISON.values())[:10]
    async with serve(queue="memory://", store=f"{database.url}?schema=orders", workers=3, orders_limit="20") as shop:
        await shop.send(*before.values())
        await asyncio.to_thread(database.kill)
        for body in (*meanwhile.values(), *poison):
            await shop.running.publish("orders", body)
        *heard, _ = await asyncio.gather(*[shop.get(f"/orders/{uid}") for uid in before], trouble_told(shop))
        told = dict(zip(before, heard, strict=True))
        assert sorted(one.status for one in heard) == [200] * 20 + [503] * 10
        assert all(one.body == before[uid] for uid, one in told.items() if one.status == 200)

        await asyncio.to_thread(database.restart)
        await shop.running.drained(60)
        assert (await shop.kept())[0].keys() == {*before, *meanwhile}
        assert (await shop.dead_letters()).keys() == set(poison)
        (ledger,) = await shop.running.ledgers()
        assert (ledger.done, ledger.dead, ledger.lost) == (60, 10, 0)
        assert {(await shop.get(f"/orders/{uid}")).status for uid in before} == {200}
        await shop.ready()
