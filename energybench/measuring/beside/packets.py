"""Messages between a caller and its sampler: JSON over a socket that keeps packets whole.

Nothing here blocks on the other side or raises a signal: a message that cannot be sent is lost, and
the sender is told. Imports next to nothing, because a caller pays for the import.
"""

from __future__ import annotations

import json
import select
import socket
from contextlib import suppress
from typing import Any

from energybench.real_clock import monotonic

# Bytes of a packet. Linux refuses a packet above the socket's send buffer, by default 208 kB
# (socket(7), net.core.wmem_default).
_PACKET = 60_000
_MORE, _LAST = b"+", b"."
# Patience of a sender with a reader that has fallen behind, s, only for a message of several
# packets that was begun.
_BEHIND_S = 1.0


class Closed(Exception):
    """The other side has closed the connection or has ended."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Packets:
    """One end of the connection."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._parts: list[bytes] = []

    def fileno(self) -> int:
        return self._end.fileno()

    def close(self) -> None:
        self._end.close()

    def shut(self) -> None:
        """Say that no message follows; messages of the other side can still come."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    def send(self, message: dict[str, Any]) -> bool:
        """Send without waiting; False if the message is lost because the other side does not read.

        Raises Closed.
        """
        text = json.dumps(message).encode()
        pieces = [text[i : i + _PACKET] for i in range(0, len(text), _PACKET)]
        for place, piece in enumerate(pieces):
            last = place == len(pieces) - 1
            if not self._packet((_LAST if last else _MORE) + piece, begun=place > 0):
                return False
        return True

    def _packet(self, packet: bytes, *, begun: bool) -> bool:
        until_s = monotonic() + _BEHIND_S
        while True:
            try:
                self._end.send(packet, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
            except BlockingIOError:
                if not begun:
                    return False
                if monotonic() >= until_s:
                    raise Closed from None  # a message cut in the middle cannot be mended
                select.select([], [self._end], [], _BEHIND_S)
            except OSError:
                raise Closed from None
            else:
                return True

    def receive(self) -> dict[str, Any] | None:
        """The next message that has come; None: none yet. Raises Closed."""
        while True:
            try:
                packet = self._end.recv(_PACKET + 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                raise Closed from None
            if not packet:
                raise Closed
            self._parts.append(packet[1:])
            if packet[:1] == _LAST:
                text = b"".join(self._parts)
                self._parts = []
                message: dict[str, Any] = json.loads(text)
                return message
