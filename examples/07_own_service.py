"""A service that reads forms, answers for itself, keeps a window in the store, and has a setting of its own.

forebay serve 07_own_service:make --window 3
curl -d celsius=21 http://127.0.0.1:8080/readings
curl http://127.0.0.1:8080/average
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from forebay import App, Entry, Request, Response, Running, Undecodable, Work, problem, text_response


def celsius(request: Request) -> bytes:
    """Return the body of the message that a request stands for."""
    if (value := request.parameter("celsius")) is None:
        raise Undecodable("celsius is missing")
    return value.encode()


class Thermometer:
    def __init__(self, size: int) -> None:
        self.size = size

    @asynccontextmanager
    async def lifespan(self, running: Running) -> AsyncIterator[None]:
        self.window = await running.store.window("readings", self.size)
        yield

    async def count(self, readings: list[int], works: list[Work]) -> None:
        entries = [Entry(w.message.id, w.topic, value) for value, w in zip(readings, works, strict=True)]
        await self.window.put(entries)

    async def average(self, request: Request) -> Response:
        values = await self.window.values()
        return text_response(f"{sum(values) / len(values):.1f}\n") if values else problem(503, "no reading yet")


def make(window: str = "10") -> App:
    """Return the service.

    Arguments:
        window: how many readings the average is of.
    """
    thermometer = Thermometer(int(window))
    app = App("thermometer", lifespan=thermometer.lifespan)
    app.post("/readings", read=celsius, parameters=("celsius",), batch=100)(thermometer.count)
    app.get("/average")(thermometer.average)
    return app
