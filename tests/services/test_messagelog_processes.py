"""The message log as a process of its own: killed in the midst of saving, and looked at in a browser."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from asking import ask
from forebay.lab.programs import Intake

FORM = {"content_type": "application/x-www-form-urlencoded"}
HOSTILE = "</pre><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&lt;\n\n  b"


@pytest.fixture
def log(tmp_path):
    """Start message logs that share a folder; ``log("--queue", ...)``."""
    begun = []

    def start(*arguments):
        begun.append(Intake(["messagelog", *arguments], tmp_path))
        return begun[-1].start()

    yield start
    for program in begun:
        program.stop()


async def saving(port, client):
    """Save texts until nobody answers, and return those of which it was said that they were saved."""
    saved = []
    while True:
        text = f"{client}-{len(saved)}"
        try:
            heard = await ask(port, "/save", f"q={text}".encode(), **FORM)
        except (OSError, IndexError, ValueError):  # killed before or in its answer
            return saved
        assert heard.status == 200, heard.body
        saved.append(text)


async def until_received(port, texts):
    """Return the texts that are listed, once these are among them."""
    async with asyncio.timeout(60):
        while not texts <= set(listed := await received(port)):
            await asyncio.sleep(0.05)
    return listed


async def received(port):
    heard = await ask(port, "/retrieve", accept="application/json")
    return [one["text"] for one in heard.json["messages"]] if heard.status == 200 else []


@pytest.mark.server
@pytest.mark.parametrize("broker", ["sqlite", "nats"])
async def test_a_log_that_is_killed_lists_all_that_it_has_said_to_be_saved(broker, log, tmp_path, request):
    server = None if broker == "sqlite" else request.getfixturevalue(broker)
    queue = f"sqlite:///{tmp_path}/q.db?lease=1s" if server is None else f"{server.url}/k-{uuid.uuid4().hex}?lease=1s"
    settings = ("--queue", queue, "--store", f"sqlite:///{tmp_path}/kept.db", "--kept", "100000", "--attempts", "1000")
    saved = set()
    for round in range(2):
        process = await asyncio.to_thread(log, *settings)
        clients = [asyncio.ensure_future(saving(process.port, f"{round}-{client}")) for client in range(4)]
        await until_received(process.port, {f"{round}-{client}-9" for client in range(4)})
        await asyncio.to_thread(process.kill)
        saved.update(text for texts in await asyncio.gather(*clients) for text in texts)
    process = await asyncio.to_thread(log, *settings)
    listed = await until_received(process.port, saved)
    assert len(listed) == len(set(listed))  # and each of them once


@pytest.mark.server
def test_a_browser_saves_by_the_form_and_shows_hostile_text_as_text(log, chromium, tmp_path):
    process = log("--queue", f"sqlite:///{tmp_path}/q.db")
    chromium.open(f"http://127.0.0.1:{process.port}/")
    chromium.value("document.querySelector('input').focus()")  # which it takes by itself only with its first picture
    chromium.write("typed")
    chromium.press("Enter")
    asyncio.run(ask(process.port, "/save", b"q=" + HOSTILE.replace("&", "%26").encode(), **FORM))
    asyncio.run(until_received(process.port, {"typed", HOSTILE}))
    chromium.open(f"http://127.0.0.1:{process.port}/retrieve")
    shown = chromium.value("[...document.querySelectorAll('pre')].map((text) => text.textContent)")
    assert sorted(shown) == sorted(["typed", HOSTILE])
    assert chromium.value("document.title") == "Messages"
    assert chromium.value("document.scripts.length + document.images.length") == 0
    chromium.close()
