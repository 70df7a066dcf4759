"""A headless browser, spoken to by the DevTools protocol over a pipe: needs no package."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip


def find() -> str | None:
    """Return the path of a browser; TEXTCLF_TEST_BROWSER comes first."""
    wanted = os.environ.get("TEXTCLF_TEST_BROWSER")
    return wanted or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One tab, what it has asked for (`requests`) and what its console says (`said`)."""

    def __init__(self, program: str, profile: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()  # it reads from 3 and writes to 4

        def hand_over() -> None:
            # By way of numbers that neither end has, so that none is overwritten.
            first, second = os.dup(ours[0]), os.dup(theirs[1])
            os.dup2(first, 103)
            os.dup2(second, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        command = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, preexec_fn=hand_over, close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(ours[0])
        os.close(theirs[1])
        self._write, self._read = ours[1], os.fdopen(theirs[0], "rb")
        self._ids, self._session = itertools.count(1), ""
        self.requests: list[str] = []
        self.said: list[str] = []
        self._events: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self.requests.clear()
        self.said.clear()
        self._events.clear()
        self.call("Page.navigate", url=address)
        while "Page.loadEventFired" not in self._events:
            self._next()
        until = time.monotonic() + 0.3  # what comes late
        while time.monotonic() < until:
            self.evaluate("1")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression on the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def emulate(self, width: int, dark: bool = False, medium: str = "screen") -> None:
        """Be so many CSS pixels wide."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def _next(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "the browser is gone"
            message += byte
        found: dict[str, Any] = json.loads(message)
        method, details = found.get("method", ""), found.get("params", {})
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif method == "Log.entryAdded":
            self.said.append(details["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.said.append(str(details["args"]))
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(details["exceptionDetails"]))
        return found

    def close(self) -> None:
        """End the browser."""
        os.close(self._write)
        self._read.close()
        self._process.terminate()
        self._process.wait(30)
