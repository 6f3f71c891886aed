"""A client of one request, for tests: says exactly what it is told to, and reads the whole answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


async def ask(port, path, body=None, *, method=None, **headers):
    """Send one request to this machine; POST when there is a body; idempotency_key stands for Idempotency-Key."""
    body = json.dumps(body).encode() if isinstance(body, dict | list) else body
    method = method or ("GET" if body is None else "POST")
    lines = [f"{method} {path} HTTP/1.1", "Host: test", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
            return _heard(await reader.read())
    finally:
        writer.close()


def _heard(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Heard(int(first.split()[1]), headers, body)
