"""A real browser without a window, spoken to over its debugging pipe (DevTools protocol): no driver, no package."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 120.0  # s of a loaded machine


def find_browser() -> str | None:
    """Its path, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Page:
    """A loaded page and what happened meanwhile: addresses asked for, errors of the console."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _send: Any = None

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        result = self._send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def emulate(self, scheme: str) -> None:
        """Prefer "light" or "dark"."""
        self._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@contextlib.contextmanager
def opened(browser: str, file: Path, profile: Path) -> Iterator[Page]:
    """The page of a local file."""
    to_browser, ours = os.pipe()
    theirs, from_browser = os.pipe()
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", browser, "--headless", "--no-sandbox",
         "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser), os.close(from_browser)
    page, session = Page(), ""
    numbers = iter(range(1, 100_000))
    loaded = False

    with os.fdopen(ours, "wb", buffering=0) as sink, os.fdopen(theirs, "rb", buffering=0) as source:
        rest = b""

        def received() -> dict[str, Any]:
            nonlocal rest
            while b"\0" not in rest:
                chunk = source.read(1 << 20)
                if not chunk:
                    raise RuntimeError(f"browser: expected an answer, found that it ended with {process.wait()}")
                rest += chunk
            message, _, rest = rest.partition(b"\0")
            return dict(json.loads(message))

        def note(message: dict[str, Any]) -> None:
            nonlocal loaded
            method, told = message.get("method"), message.get("params", {})
            if method == "Network.requestWillBeSent":
                page.requests.append(told["request"]["url"])
            elif method == "Runtime.exceptionThrown":
                page.errors.append(str(told["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
                page.errors.append(str(told["args"]))
            elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
                page.errors.append(told["entry"]["text"])
            elif method == "Page.loadEventFired":
                loaded = True

        def send(method: str, **params: Any) -> dict[str, Any]:
            number = next(numbers)
            message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
            sink.write(json.dumps(message).encode() + b"\0")
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                answer = received()
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                note(answer)
            raise TimeoutError(f"browser: expected an answer to {method} within {PATIENCE:g} s, found none")

        try:
            targets = send("Target.getTargets")["targetInfos"]
            target = next(one["targetId"] for one in targets if one["type"] == "page")
            session = send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Runtime", "Log"):
                send(f"{domain}.enable")
            page._send = send
            send("Page.navigate", url=file.resolve().as_uri())
            while not loaded:
                note(received())
            yield page
        finally:
            process.kill()
            process.wait()
