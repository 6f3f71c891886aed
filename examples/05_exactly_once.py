"""An effect of one's own that happens once, although its message is delivered twice.

python 05_exactly_once.py
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import msgspec

from forebay import App, Work, open_store

FILE = "shop.db"


class Order(msgspec.Struct):
    product: str
    count: int


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Open what the handler needs, before the first message and until after the last."""
    global store
    store = await open_store(f"sqlite:///{FILE}")
    try:
        yield
    finally:
        await store.close()


app = App("shop", lifespan=lifespan)


@app.post("/orders", workers=1)
async def take_from_stock(order: Order, work: Work) -> str:
    async with store.once(work.message.id, work.topic) as transaction:
        if transaction is None:
            return "was done before"
        await transaction.execute(
            "UPDATE stock SET pieces = pieces - ? WHERE product = ?", (order.count, order.product)
        )
    if work.attempt == 1:
        raise ConnectionError("dies after its work, and before anybody could be told")
    return "done"


def in_the_file(statement: str) -> list:
    """Look into the file before and after: it must not be open in two SQLite libraries of one process at once."""
    with closing(sqlite3.connect(FILE)) as connection, connection:
        return connection.execute(statement).fetchall()


async def main() -> None:
    in_the_file("CREATE TABLE stock (product TEXT PRIMARY KEY, pieces INTEGER NOT NULL)")
    in_the_file("INSERT INTO stock VALUES ('mill', 10)")
    async with app.running(queue=f"sqlite:///{FILE}", store=f"sqlite:///{FILE}", backoff="10ms") as running:
        reference = await running.publish("orders", Order("mill", 3))
        await running.drained(timeout=10)
        result = await running.store.get(reference)
        print(f"attempts {result.attempts}, result {result.value.decode()}")
    print("pieces left:", *in_the_file("SELECT pieces FROM stock")[0])


if __name__ == "__main__":
    asyncio.run(main())
