"""HTTP/1.1 over a listening socket, for GET and HEAD, with a thread for each connection.

No client can hold up other clients. A request must arrive within a time, and its answer must be
read within a time. The connection of a client without the secret of the page is closed after a
single answer, which is short enough for the buffer of a socket: nothing is computed for such a
client, and no thread waits for the client to read. When all connections are taken, a new connection
replaces the connection that has kept the server waiting longest, for a request or for the reading
of an answer.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from energybench.errors import BadInput, in_one_line
from energybench.viewing import messages, sockets
from energybench.viewing.messages import Answer, Request

Respond = Callable[[Request], Answer]

WAIT_S = 20.0  # for a whole request, and for the next request of a connection
_SEND_S = 120.0  # for an answer, through a slow tunnel
_MOST_CONNECTIONS = 100
_LOOK_S = 0.5  # between two looks at the connections


class Server(ThreadingHTTPServer):
    """Serves until `shutdown`. Connections do not keep the process alive.

    respond  the answer to a request; an exception is status 500
    failed   receives a line about an exception
    """

    daemon_threads = True

    def __init__(
        self,
        listening: socket.socket,
        respond: Respond,
        failed: Callable[[str], None],
        wait_s: float = WAIT_S,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        address = listening.getsockname()
        super().__init__(address, _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.respond, self.failed = respond, failed
        self._wait_s, self._most = wait_s, most_connections
        # connections that wait for their client, with the start of the wait: for a request, or for
        # the reading of an answer; and all connections
        self._waiting: dict[socket.socket, float] = {}
        self._sending: dict[socket.socket, float] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Serve until `shutdown` or an exception of a signal handler."""
        self.serve_forever(_LOOK_S)

    # -------------------------------------------------- connections

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if connection.family == socket.AF_UNIX:
            address = ("", 0)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection is served."""
        del client_address
        if request.family == socket.AF_UNIX and not sockets.is_own_user(request):
            return False
        with self._lock:
            if len(self._open) >= self._most:
                # a client that reads slowly has shown the secret, and is ended only after clients
                # without a request
                connections = self._waiting or self._sending
                if not connections:
                    return False
                self._end(min(connections, key=lambda connection: connections[connection]))
            self._open.add(request)
            self._waiting[request] = time.monotonic()
        return True

    def service_actions(self) -> None:
        """Called by `serve_forever` between connections: end connections that have waited
        too long.
        """
        limit_s = time.monotonic() - self._wait_s
        with self._lock:
            for connection, since_s in list(self._waiting.items()):
                if since_s < limit_s:
                    self._end(connection)

    def waits(self, connection: socket.socket) -> None:
        """A request is awaited from now on."""
        with self._lock:
            self._sending.pop(connection, None)
            if connection in self._open:
                self._waiting[connection] = time.monotonic()

    def works(self, connection: socket.socket) -> None:
        """A request has arrived."""
        with self._lock:
            self._waiting.pop(connection, None)

    def sends(self, connection: socket.socket) -> None:
        """An answer is sent from now on."""
        with self._lock:
            self._waiting.pop(connection, None)
            if connection in self._open:
                self._sending[connection] = time.monotonic()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._forget(request)
        super().shutdown_request(request)

    def _forget(self, connection: socket.socket) -> None:
        self._waiting.pop(connection, None)
        self._sending.pop(connection, None)
        self._open.discard(connection)

    def _end(self, connection: socket.socket) -> None:
        """Wake the thread that reads from or writes to a connection; the thread closes the
        connection. The connection's place is free at once.
        """
        self._forget(connection)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the connection ended by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection broke: nothing to say."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    """Successive requests of a connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = _SEND_S

    def handle_one_request(self) -> None:
        self.server.waits(self.connection)
        super().handle_one_request()

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        self.server.works(self.connection)
        return parsed

    def do_GET(self) -> None:
        self._answer(is_head=False)

    def do_HEAD(self) -> None:
        self._answer(is_head=True)

    def _answer(self, *, is_head: bool) -> None:
        try:
            answer = self._made(is_head=is_head)
        except BadInput as why:
            answer = messages.text(HTTPStatus.BAD_REQUEST, str(why))
        except Exception as error:
            self.server.failed(f"a page could not be made: {in_one_line(error)}")
            words = f"This page could not be made: {type(error).__name__}."
            answer = messages.text(HTTPStatus.INTERNAL_SERVER_ERROR, words)
        self._send(answer, is_head=is_head)

    def _made(self, *, is_head: bool) -> Answer:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            return messages.text(HTTPStatus.BAD_REQUEST, "A request with a body is not read here.")
        hosts = self.headers.get_all("Host", [])
        path, parameters = messages.target(self.path)
        request = Request(
            path=path,
            parameters=parameters,
            host=hosts[0] if len(hosts) == 1 else None,
            cookies="; ".join(self.headers.get_all("Cookie", [])),
            fetch_site=self._header("Sec-Fetch-Site"),
            origin=self._header("Origin"),
            referer=self._header("Referer"),
            is_head=is_head,
        )
        return self.server.respond(request)

    def _header(self, name: str) -> str | None:
        """The value of a header, joined from several lines; None if the header was not sent."""
        values = self.headers.get_all(name)
        return None if values is None else ", ".join(values)

    def _send(self, answer: Answer, *, is_head: bool) -> None:
        self.server.sends(self.connection)
        self.send_response(answer.status)
        for name, value in (
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Content-Security-Policy", answer.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            *answer.headers,
        ):
            self.send_header(name, value)
        if not answer.to_owner:
            self.send_header("Connection", "close")  # http.server then closes
        self.end_headers()
        if not is_head:
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP, or has another method than GET and HEAD."""
        del message, explain
        status = HTTPStatus(code)
        headers: tuple[tuple[str, str], ...] = ()
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
            headers = (("Allow", "GET, HEAD"),)
        answer = messages.text(status, f"{status.phrase}: this page is for reading only.")
        is_head = getattr(self, "command", None) == "HEAD"
        self._send(answer._replace(headers=headers), is_head=is_head)

    def version_string(self) -> str:
        return "energybench"

    def log_message(self, format: str, *values: Any) -> None:
        """Nothing: addresses hold names of runs, and the terminal may be shared."""
