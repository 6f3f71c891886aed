"""A handler that takes many messages at once, and settles each by itself.

python 02_batch.py
"""

import asyncio

import msgspec

from forebay import App, Dead


class Reading(msgspec.Struct):
    sensor: str
    celsius: float


app = App("weather")
sizes: list[int] = []


@app.post("/readings", workers=1, batch=500)
async def store_readings(readings: list[Reading]) -> list:
    """Answer one item for each reading; an exception among them is the end of that reading alone."""
    sizes.append(len(readings))
    return [Dead("below absolute zero") if reading.celsius < -273.15 else reading.celsius for reading in readings]


async def main() -> None:
    async with app.running(queue="memory://readings") as running:
        readings = [Reading("roof", degrees) for degrees in (*range(-1, 999), -300)]
        await asyncio.gather(*(running.publish("readings", reading) for reading in readings))
        await running.drained(timeout=10)
        print(*await running.ledgers())
        print(f"{len(sizes)} calls for {sum(sizes)} readings")


if __name__ == "__main__":
    asyncio.run(main())
