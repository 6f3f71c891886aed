"""Drivers of RabbitMQ for tests, what a program that is not ours does to their broker, and what its operator does."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import urllib.request

from pamqp import commands

from forebay.lab.servers import RabbitMQ
from forebay.message import new_id
from forebay.queue.driver import Driver
from forebay.queue.drivers import rabbitmq as rabbitmq_driver
from forebay.queue.drivers.rabbitmq import frames
from forebay.queue.drivers.rabbitmq.address import address_of
from forebay.queue.drivers.rabbitmq.link import Link
from forebay.url import URL, parse


class Broker:
    """Opens queues of the test's own topic on one broker, and knows the broker from outside."""

    def __init__(self, server: RabbitMQ) -> None:
        self.server = server
        self.topic = f"t{new_id()}"
        self.drivers: list[Driver] = []

    def url(self, **options: str) -> URL:
        return parse(f"{self.server.url}/?management={self.server.management}").with_options(
            topic=self.topic, **options
        )

    async def open(self, **options: str) -> Driver:
        self.drivers.append(await rabbitmq_driver.connect(self.url(**options)))
        return self.drivers[-1]

    @contextlib.asynccontextmanager
    async def bare(self):
        """A channel of a program that is not ours."""
        link = Link(address_of(self.url()).account, "another program")
        async with link.asking() as channel:
            yield channel
        await link.close()

    async def puts(self, *bodies: bytes, headers: dict | None = None) -> None:
        """Let another program publish, straight into the queue."""
        async with self.bare() as channel:
            await channel.ask(commands.Confirm.Select())
            method = frames.publish_method("", self.topic)
            content = [("", frames.content_header(len(b), frames.Properties(headers or {})), b) for b in bodies]
            await channel.publish([method] * len(bodies), content).done

    def rules(self, pattern: str, definition: dict) -> None:
        """Set a policy of the operator."""
        self._put(f"policies/%2F/p{new_id()}", {"pattern": pattern, "definition": definition, "apply-to": "queues"})

    def url_of_user(self, tags: str) -> URL:
        """Return the URL for a new user, who may do all by AMQP and has these tags."""
        name = f"u{new_id()}"
        self._put(f"users/{name}", {"password": "pw", "tags": tags})
        self._put(f"permissions/%2F/{name}", {"configure": ".*", "write": ".*", "read": ".*"})
        return dataclasses.replace(self.url(), user=name, password="pw")

    def _put(self, what: str, body: dict) -> None:
        account = base64.b64encode(b"guest:guest").decode()
        request = urllib.request.Request(
            f"{self.server.management}/api/{what}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Basic {account}", "Content-Type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in {201, 204}

    async def __aenter__(self) -> Broker:
        return self

    async def __aexit__(self, *_: object) -> None:
        for driver in self.drivers:
            await driver.close()


def leave_without_a_word(driver: Driver) -> None:
    """Let go of the broker as a process that was killed."""
    driver._publishing.kill()
    driver._consuming.kill()
