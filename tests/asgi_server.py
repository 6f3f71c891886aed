"""The least that an ASGI server does, for tests: the lifespan of a program, and one request after the other."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from asking import Heard


@asynccontextmanager
async def alive(program):
    """Hold the lifespan of a program; fails as a server would when it does not start."""
    to_program, said = asyncio.Queue(), asyncio.Queue()
    running = asyncio.create_task(program({"type": "lifespan", "state": {}}, to_program.get, said.put))
    await to_program.put({"type": "lifespan.startup"})
    started = await said.get()
    assert started["type"] == "lifespan.startup.complete", started
    yield
    await to_program.put({"type": "lifespan.shutdown"})
    ended = await said.get()
    assert ended["type"] == "lifespan.shutdown.complete", ended
    await running


async def request(program, method, path, body=b"", **headers):
    """Send one request to a program; a dict or list goes as JSON."""
    body = json.dumps(body).encode() if isinstance(body, dict | list) else body
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    said = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        said.append(message)

    await program(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return Heard(said[0]["status"], headers, b"".join(message.get("body", b"") for message in said[1:]))
