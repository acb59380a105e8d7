"""Messages between a caller and its sampler: JSON over a socket that keeps packets whole.

Nothing here blocks on the other side or raises a signal: an unsendable message is lost, and the
sender is told. The sockets come from the module in C, because a test may replace the class of
`socket`. Imports next to nothing, because a caller pays for the import.
"""

from __future__ import annotations

import json
import select
from _socket import AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR, SOCK_SEQPACKET, socket, socketpair
from contextlib import suppress
from typing import Any

from energybench.real_clock import monotonic
from energybench.real_system import Descriptor, moved_up, poll

# Bytes of a packet. Linux refuses a packet above the socket's send buffer, by default 208 kB
# (socket(7), net.core.wmem_default).
_PACKET = 60_000
_MORE, _LAST = b"+", b"."
# Patience of a sender with a reader that has fallen behind, s, only for a begun message of several
# packets.
_BEHIND_S = 1.0
_encoded, _decoded = json.JSONEncoder().encode, json.JSONDecoder().decode


class Closed(Exception):
    """The other side has closed the connection or has ended."""


class ClosedHere(Closed):
    """Other code in this process has closed our end of the connection."""


def pair(least: int) -> tuple[socket, socket]:
    """Two connected ends, whose descriptors have numbers from `least` on. Raises OSError."""
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    try:
        ours = _from(ours, least)
        theirs = _from(theirs, least)
    except OSError:
        ours.close()
        theirs.close()
        raise
    return ours, theirs


def _from(end: socket, least: int) -> socket:
    return socket(AF_UNIX, SOCK_SEQPACKET, 0, moved_up(end.detach(), least))


class Packets:
    """An end of the connection."""

    def __init__(self, end: socket) -> None:
        end.setblocking(False)  # a default time limit of the program's sockets would be waited for
        self._end = end
        self._descriptor = Descriptor(end.fileno())
        self._parts: list[bytes] = []

    def fileno(self) -> int:
        """The number of the descriptor. Other code in the process may have closed the
        descriptor.
        """
        return self._descriptor.number

    def close(self) -> None:
        self._end.detach()  # would close the number of any owner
        self._descriptor.close()

    def shut(self) -> None:
        """Announce the last message; messages of the other side can still come."""
        if self._descriptor.is_ours:
            with suppress(OSError):
                self._end.shutdown(SHUT_WR)

    def _check(self) -> None:
        """Raises ClosedHere, before the number of a file of the program is used."""
        if not self._descriptor.is_ours:
            raise ClosedHere

    def send(self, message: dict[str, Any]) -> bool:
        """Send without waiting; False if the message is lost because the other side does not read.

        Raises Closed.
        """
        self._check()
        text = _encoded(message).encode()
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
                self._end.send(packet, MSG_NOSIGNAL | MSG_DONTWAIT)
            except BlockingIOError:
                if not begun:
                    return False
                if monotonic() >= until_s:
                    raise Closed from None  # a message cut in the middle cannot be mended
                waiting = poll()
                waiting.register(self.fileno(), select.POLLOUT)
                waiting.poll(_BEHIND_S * 1000)
            except OSError:
                raise Closed from None
            else:
                return True

    def receive(self) -> dict[str, Any] | None:
        """The next received message; None: no message yet. Raises Closed."""
        self._check()
        while True:
            try:
                packet = self._end.recv(_PACKET + 1, MSG_DONTWAIT)
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
                message: dict[str, Any] = _decoded(text.decode())
                return message
