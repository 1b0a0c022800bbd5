"""Debian's Chromium, told what to do over the DevTools protocol by way of two pipes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "/usr/bin/chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE_S = 30
FREE_FD = 10
"""The pipes are moved up here first, out of the way of the numbers they have to get."""

FASTER = """
    window.skippedMs = 0;
    const clocks = [[Date, Date.now.bind(Date)], [performance, performance.now.bind(performance)]];
    for (const [owner, read] of clocks) owner.now = () => read() + window.skippedMs;
"""
"""Both clocks of a page run on by `skippedMs`, as they do when time passes."""


class Page:
    """A tab with a size, a colour scheme and a language; it notes what it loads and complains."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.loaded: list[str] = []
        self.complaints: list[str] = []

    def tell(self, method: str, **params: Any) -> Any:
        return self._browser.tell(method, params, self._session)

    def open(self, address: str) -> None:
        self.tell("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of an expression."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, patience_s: float = PATIENCE_S) -> Any:
        """The value of an expression, once it is true."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if value := self.run(condition):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never: {condition}; the page says: {self.text()}")

    def text(self) -> str:
        return self.run("document.body ? document.body.innerText : ''")

    def view(self, name: str, patience_s: float = PATIENCE_S) -> None:
        self.wait(f"document.body && document.body.dataset.view === '{name}'", patience_s)

    def click(self, selector: str) -> None:
        """With a finger's authority, which some of the browser's doors ask for."""
        script = f"document.querySelector('{selector}').click()"
        self.tell("Runtime.evaluate", expression=script, userGesture=True)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot")["data"]))

    def hear(self, event: dict[str, Any]) -> None:
        params = event["params"]
        match event["method"]:
            case "Network.requestWillBeSent":
                self.loaded.append(params["request"]["url"])
            case "Log.entryAdded" if params["entry"]["source"] != "network":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))


class Browser:
    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._number, self._unread = 0, b""
        self._pages: dict[str, Page] = {}

    def page(
        self, *, width: int = 1280, height: int = 800, dark: bool = False, language: str = "en"
    ) -> Page:
        """A fresh tab with storage of its own."""
        context = self.tell("Target.createBrowserContext")["browserContextId"]
        target = self.tell(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context}
        )
        session = self.tell(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.tell(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.tell("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.tell("Emulation.setEmulatedMedia", features=[scheme])
        agent = page.run("navigator.userAgent")
        page.tell("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        page.tell("Page.addScriptToEvaluateOnNewDocument", source=FASTER)
        return page

    def tell(
        self, method: str, params: dict[str, Any] | None = None, session: str | None = None
    ) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if page := self._pages.get(answer.get("sessionId", "")):
                page.hear(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._back], [], [], PATIENCE_S)
            assert ready, "the browser does not answer"
            read = os.read(self._back, 1 << 16)
            assert read, "the browser has gone"
            self._unread += read
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser with nothing of an earlier one; skips the test where there is no Chromium."""
    if not Path(PROGRAM).exists():
        pytest.skip(f"needs {PROGRAM}: apt-get install chromium")
    home = tempfile.mkdtemp(prefix="lbs-chromium-")
    its_in, to = _pipe()
    back, its_out = _pipe()
    start = f'exec "$0" "$@" 3<&{its_in} 4>&{its_out} {its_in}<&- {its_out}>&-'
    process = subprocess.Popen(
        ["/bin/bash", "-c", start, PROGRAM, *FLAGS, f"--user-data-dir={home}/profile"],
        env={**os.environ, "HOME": home},
        pass_fds=(its_in, its_out),
        stderr=subprocess.DEVNULL,
    )
    os.close(its_in)
    os.close(its_out)
    try:
        yield Browser(to, back)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        os.close(to)
        os.close(back)
        shutil.rmtree(home, ignore_errors=True)


def _pipe() -> tuple[int, int]:
    low = os.pipe()
    high = tuple(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FREE_FD) for fd in low)
    for fd in low:
        os.close(fd)
    return high[0], high[1]
