"""A headless Chromium that clicks and types as a person does, driven by the DevTools protocol over
two pipes (https://chromedevtools.github.io/devtools-protocol/, --remote-debugging-pipe).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

BROWSER = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_LIMIT_S = 200.0  # for a hang, not for a busy machine


class Browser:
    """One browser with one page. A context manager.

    requests  addresses that the page has asked for, in order
    """

    def __init__(self, folder: Path) -> None:
        assert BROWSER is not None
        self.folder = folder
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.requests: list[str] = []
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_browser, from_browser)]
        os.close(to_browser)
        os.close(from_browser)
        words = [BROWSER, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        log = os.open(folder / "browser.log", os.O_WRONLY | os.O_CREAT, 0o600)
        # the browser reads commands from descriptor 3, and writes answers to 4; the log comes
        # first, because its own descriptor may be one of the two
        moves = [(log, 1), (log, 2), (ends[0], 3), (ends[1], 4)]
        actions = [(os.POSIX_SPAWN_DUP2, *move) for move in moves]
        self._pid = os.posix_spawn(BROWSER, words, os.environ, file_actions=actions, setsid=True)
        for descriptor in (*ends, log):
            os.close(descriptor)
        self._number, self._buffer, self._session = 0, b"", None
        self._events: list[dict[str, Any]] = []
        self._session = self._attached()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write)
        os.close(self._read)
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self._pid, 0)

    def _attached(self) -> str:
        targets = self.command("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        session: str = self.command(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True
        )["sessionId"]
        self._session = session
        for domain in ("Page", "Runtime", "Network"):
            self.command(f"{domain}.enable")
        self.command(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads)
        )
        return session

    # -------------------------------------------------- the protocol

    def command(self, method: str, **parameters: Any) -> Any:
        """Result of a command of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        """The next message of the browser; events are noted."""
        end_s = time.monotonic() + _LIMIT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end_s - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

    # -------------------------------------------------- a person's deeds

    def open(self, address: str) -> None:
        self.command("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true in the page, which may be another page by then."""
        end_s = time.monotonic() + _LIMIT_S
        while time.monotonic() < end_s:
            answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
            if "exceptionDetails" not in answer and answer["result"].get("value"):
                return answer["result"]["value"]
            time.sleep(0.05)
        raise AssertionError(
            f"{expression} never came; {self.value('document.body.innerText')[:2000]}"
        )

    def click(self, selector: str) -> None:
        """Click into the middle of the first element that the selector names, once the page's
        scripts have run.
        """
        quoted = json.dumps(selector)
        self.until(f"document.readyState === 'complete' && !!document.querySelector({quoted})")
        place = self.value(
            f"(() => {{ const e = document.querySelector({quoted});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getClientRects()[0];"
            "return [r.left + r.width / 2, r.top + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def type(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        self.click(selector)
        self.command("Input.insertText", text=text)

    def enter(self) -> None:
        for kind in ("rawKeyDown", "char", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent",
                type=kind,
                key="Enter",
                text="\r",
                windowsVirtualKeyCode=13,
            )

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self) -> bytes:
        """The visible part of the page, as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot")["data"])
