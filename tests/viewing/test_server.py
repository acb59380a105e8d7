"""HTTP as other programs speak it: methods, bodies, slow and idle clients, and the headers of every
answer.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from energybench.viewing import sockets
from energybench.viewing.messages import Answer
from energybench.viewing.server import Server
from tests.viewing.served import Page, served
from tests.viewing.stores import some_runs

METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "MOVE", "get")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_runs(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def page(store: Path) -> Iterator[Page]:
    with served(store) as running:
        running.open()
        yield running


@pytest.mark.parametrize("method", METHODS)
def test_only_get_and_head(page: Page, method: str) -> None:
    """The page is for reading."""
    got = page.ask(page.access.base, method, Cookie=page.cookie)
    assert (got.status, got.headers["Allow"]) == (405, "GET, HEAD")
    assert "alpha" not in got.text


def test_head_has_the_headers_of_get_and_no_body(page: Page) -> None:
    got = page.ask(page.access.base + "view.css", "HEAD", Cookie=page.cookie)
    assert (got.status, got.body) == (200, b"")
    assert int(got.headers["Content-Length"]) > 1000


def test_a_request_with_a_body_is_refused(page: Page) -> None:
    """What follows could be read as another request."""
    for head in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        with page.connect() as connection:
            text = f"GET / HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\nGET /"
            connection.sendall(text.encode())
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "name", ["", "view.css", "view.js", "state", "nothing", "../", "report", "save?format=json"]
)
def test_every_answer_is_fenced(page: Page, name: str) -> None:
    """No sniffing, no referrer, no cache, no use by other sites, and a policy that loads nothing
    from elsewhere.
    """
    got = page.get(name)
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Referrer-Policy"] == "no-referrer"
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = got.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors" in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "Python" not in str(got.headers)


@pytest.mark.parametrize(
    "target", ["//", "http://[", "*", "/%00", "/../../etc/passwd", "/" + "a" * 70_000, "?" * 100]
)
def test_targets_that_make_no_sense(page: Page, target: str) -> None:
    """A refusal, and the server goes on."""
    with page.connect() as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status = int(connection.recv(65536).split()[1])
        assert 400 <= status < 500
    assert page.get("state").status == 200
    assert page.failures == []


def test_noise_is_refused(page: Page) -> None:
    """Neither TLS nor random bytes reach a page."""
    for noise in (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"\r\n\r\n", b"GET\r\n\r\n", b"\xff" * 300):
        with page.connect() as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert page.get("state").status == 200


def test_a_connection_carries_several_requests(page: Page) -> None:
    """HTTP/1.1: the table and its files come over one connection."""
    with page.connect() as connection:
        for _ in range(3):
            head = f"HEAD {page.access.base}state HTTP/1.1\r\nHost: localhost\r\n"
            connection.sendall(f"{head}Cookie: {page.cookie}\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_idle_and_slow_clients_hold_nobody_up(store: Path) -> None:
    """Connections that never complete a request, more than are allowed at once: the page is still
    answered, because the ones that have waited longest are ended.
    """
    with served(store, most=8) as page, ExitStack() as ends:
        page.open()
        for number in range(30):
            slow = ends.enter_context(page.connect())
            if number % 2:
                slow.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert page.get().status == 200


REFUSED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "request_text",
    [
        REFUSED,
        b"GET /favicon.ico HTTP/1.1\r\nHost: evil.example\r\nConnection: keep-alive\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_a_stranger_gets_one_answer_for_a_connection(page: Page, request_text: bytes) -> None:
    """Whatever else was sent over it is not read."""
    with page.connect() as connection:
        connection.sendall(request_text + REFUSED * 3)
        answer = b""
        # the end of the connection may be a reset, because of the requests that were not read
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        assert answer.count(b"HTTP/1.1 4") == 1
        assert b"Connection: close" in answer


def test_strangers_who_never_read_hold_nobody_up(store: Path) -> None:
    """More connections than are allowed at once, each with requests without end whose answers
    nobody reads: each is ended by the server, and the page is answered all the while.
    """
    with served(store, most=8) as page, ExitStack() as ends:
        page.open()
        strangers = []
        for _ in range(20):
            stranger = ends.enter_context(socket.socket())
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            stranger.settimeout(100)
            stranger.connect(("127.0.0.1", page.port))
            strangers.append(stranger)
        for stranger in strangers:
            _send_until_ended(stranger)
            assert page.get("state").status == 200


def _send_until_ended(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(REFUSED * 200)
    except (BrokenPipeError, ConnectionResetError):
        return


def test_readers_who_stop_make_room(tmp_path: Path) -> None:
    """Also clients with the secret that begin to read and then stop, as a browser that sleeps: of
    them the one whose answer was begun first makes room.
    """
    long = Answer(HTTPStatus.OK, bytes(50_000_000), to_owner=True)  # beyond all buffers
    server = Server(sockets.on_loopback(0), lambda request: long, print, most_connections=4)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        with ExitStack() as ends:
            for _ in range(9):
                port = server.socket.getsockname()[1]
                sleeper = socket.create_connection(("127.0.0.1", port), 100)
                ends.enter_context(sleeper)
                sleeper.sendall(REFUSED)
                assert sleeper.recv(15) == b"HTTP/1.1 200 OK"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_request_that_never_ends_is_ended(store: Path) -> None:
    """Also if a byte of it comes now and then."""
    with served(store, wait_s=1.0) as page, page.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.2):
                try:
                    slow.sendall(b"a")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            # only the server ends the connection; it may be a reset
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(65536) == b""
        finally:
            stop.set()
            thread.join()


def test_a_client_that_goes_away_costs_nothing(page: Page) -> None:
    """Its answer is dropped, without a word."""
    for _ in range(5):
        with page.connect() as connection:
            head = f"GET {page.access.base} HTTP/1.1\r\nHost: localhost\r\nCookie: {page.cookie}"
            connection.sendall(f"{head}\r\n\r\n".encode())
    assert page.get("state").status == 200
    assert page.failures == []
