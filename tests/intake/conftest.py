"""A server on a real socket, and a client that sends whatever bytes a test wants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from forebay.intake.http import JSON, Limits, Response
from forebay.intake.server import serve


def pytest_asyncio_loop_factories(config, item):
    """Try the server on both loops; the rest of the intake on the one that programs run on."""
    if item.path.name.startswith("test_server"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


class Echo:
    """A site that answers at once with what it was given; `held` answers wait until the test gives them."""

    def __init__(self):
        self.requests = []
        self.held = []
        self.holds = False

    def handle(self, request, respond):
        self.requests.append(request)
        if self.holds:
            self.held.append(respond)
        else:
            respond(Response(200, request.body or request.path.encode(), JSON))

    async def until_held(self, count):
        """Return once so many requests have come whose answers are held."""
        async with asyncio.timeout(30):
            while len(self.held) < count:
                await asyncio.sleep(0)


class Client:
    """One connection; reads answers by their Content-Length."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, bodiless=False):
        """Return status, headers and body of the next answer."""
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            size = 0 if bodiless else int(headers.get("content-length", 0))
            return int(first.split()[1]), headers, await self.reader.readexactly(size)

    async def ended(self):
        """Wait for the server to close; return what it said before."""
        async with asyncio.timeout(30):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def serving(site, **limits):
    server = await serve(site, port=0, limits=Limits(**limits))
    clients = []

    async def connect():
        client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        clients.append(client)
        return client

    try:
        yield server, connect
    finally:
        for client in clients:
            client.writer.close()
        await server.close(1)
        for client in clients:
            with suppress(ConnectionError):
                await client.writer.wait_closed()


@pytest.fixture
def site():
    return Echo()


@pytest.fixture
def open_server():
    return serving
