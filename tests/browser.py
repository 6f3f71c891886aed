"""A Chromium without a window, driven through a pipe: what tests of pages need of it, and no more."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forebay.lab.servers.install import browser

_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
    "--remote-debugging-pipe",
)
_PATIENCE_SECONDS = 60.0


class Browser:
    """A browser with one page at a time; a context manager that leaves nothing behind.

    `said` is what the page has written to the console, errors and violated policies included; `requests` is what it
    has asked for besides itself.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.requests: list[str] = []
        self._folder = tempfile.mkdtemp(prefix="forebay-browser-")
        self._heard = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._target: str | None = None
        self._session: str | None = None

    def __enter__(self) -> Self:
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()

        def hand_over() -> None:
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        command = [str(browser()), *_SWITCHES, f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            preexec_fn=hand_over,  # the numbers 3 and 4 are Chromium's
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, page: Path | str, dark: bool = False, size: tuple[int, int] | None = None) -> None:
        """Show a page instead of the one before, and wait until it is loaded.

        Arguments:
            page: a file, or a URL.
            dark: whether the reader prefers dark colours.
            size: width and height of the page in pixels; None: that of the window.
        """
        self.close()
        self.said, self.requests = [], []
        self._target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self._ask("Page.setLifecycleEventsEnabled", enabled=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        if size is not None:
            self._ask(
                "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=True
            )
        self._events.clear()
        loader = self._ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())["loaderId"]
        loaded = {"loaderId": loader, "name": "load"}  # and not the empty page that was there before
        while not any(loaded.items() <= event.get("params", {}).items() for event in self._events):
            self._events.append(self._hear())

    def close(self) -> None:
        """Show no page any more: what it does again and again ends."""
        if self._target is not None:
            self._session = None
            self._ask("Target.closeTarget", targetId=self._target)
            self._target = None

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the page; what it throws fails the test."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key on what has the focus."""
        text = {"text": "\r"} if key == "Enter" else {}
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def write(self, text: str) -> None:
        """Type a text into what has the focus."""
        self._ask("Input.insertText", text=text)

    def picture(self) -> bytes:
        """Return what can be seen, as PNG."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def drag(self, selector: str, begin: float, end: float) -> None:
        """Drag the mouse over an element, between two parts of its width."""
        self.point(selector, begin)
        self._mouse("Pressed", selector, begin, button="left", clickCount=1)
        self.point(selector, (begin + end) / 2)
        self.point(selector, end)
        self._mouse("Released", selector, end, button="left", clickCount=1)

    def point(self, selector: str, part: float) -> None:
        """Move the mouse over an element, to a part of its width."""
        self._mouse("Moved", selector, part)

    def _mouse(self, kind: str, selector: str, part: float, **what: Any) -> None:
        box = self.value(
            f"(({{x, y, width, height}}) => [x, y, width, height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        x, y = box[0] + part * box[2], box[1] + box[3] / 2
        self._ask("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **what)

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": arguments}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._hear()).get("id") != self._number:
            self._events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _hear(self) -> dict[str, Any]:
        """Return the next message, and note what it tells of the page."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser says nothing"
            heard = os.read(self._in, 1 << 20)
            assert heard, "the browser has ended"
            self._heard += heard
        first, _, self._heard = self._heard.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        if message.get("sessionId") == self._session:  # and not of a page that was left
            self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, what: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(what["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.said.append(json.dumps(what["args"]))
        elif method == "Log.entryAdded":
            self.said.append(what["entry"]["text"])
        elif method == "Network.requestWillBeSent" and what["request"]["url"] != what["documentURL"]:
            self.requests.append(what["request"]["url"])


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe for reading and for writing, with numbers that are not Chromium's."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 16) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
