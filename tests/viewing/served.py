"""A page that is served in a thread of the tests, and a client of it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from energybench.viewing import sockets
from energybench.viewing.access import Access
from energybench.viewing.cache import CacheFolder
from energybench.viewing.index import Index
from energybench.viewing.server import Server
from energybench.viewing.site import Site


class Got(NamedTuple):
    """An answer. text: the body as text."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Page:
    """A served store, and the browser that has opened its address.

    failures  lines about pages that could not be made
    """

    def __init__(self, server: Server, entry: Access, index: Index) -> None:
        self.server, self.access, self.index = server, entry, index
        self.failures: list[str] = []
        self.cookie = ""

    @property
    def port(self) -> int:
        return int(self.server.socket.getsockname()[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.access.path()}"

    def connect(self, timeout: float = 100.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Got:
        """The answer to one request, without the cookie; headers with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=800)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=named)
            answer = connection.getresponse()
            return Got(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def open(self) -> Got:
        """Open the printed address, and keep the cookie."""
        address = urlsplit(self.address)
        got = self.ask(f"{address.path}?{address.query}")
        self.cookie = str(got.headers["Set-Cookie"]).partition(";")[0]
        return got

    def get(self, name: str = "", *ids: str, **parameters: object) -> Got:
        """A page with the cookie."""
        pairs = [*(("id", one) for one in ids), *parameters.items()]
        query = f"?{urlencode(pairs)}" if pairs else ""
        return self.ask(self.access.base + name + query, Cookie=self.cookie)

    def key(self, label: str) -> str:
        """The key of the row with a label."""
        (row,) = [row for row in self.index.refresh().rows if row.label == label]
        return row.key


@contextmanager
def served(
    store: Path, listening: socket.socket | None = None, wait_s: float = 60.0, most: int = 100
) -> Iterator[Page]:
    """Serve a store until the end of the context."""
    index, entry = Index(store, CacheFolder(None)), Access()
    index.refresh()
    failures: list[str] = []
    server = Server(
        listening or sockets.on_loopback(0),
        Site(index, entry).respond,
        failures.append,
        wait_s,
        most,
    )
    thread = threading.Thread(target=server.serve)
    thread.start()
    page = Page(server, entry, index)
    page.failures = failures
    try:
        yield page
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
