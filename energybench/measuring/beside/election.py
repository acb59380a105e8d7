"""Only one of several ranks on a node measures: the first sampling process that takes the job's
name.

The name is the address of an abstract socket. The process with the socket answers every other rank
with a description of the measurement.
"""

from __future__ import annotations

import os
import socket
import threading

from energybench.measuring import abstract_socket

_PATIENCE_S = 2.0  # for the process with the name
_UNKNOWN = "another rank"
_MOST_CHARACTERS = 99  # of a name: an address of a socket has 108 bytes


class Election:
    """The measuring rank of a job on this node."""

    def __init__(self) -> None:
        self._held: socket.socket | None = None

    def winner(self, job: str, statement: str) -> str | None:
        """The statement of the measuring rank; None: this process measures, and `statement` is its
        own statement.
        """
        if self._held is not None:
            return None
        name = f"energybench-{os.getuid()}-{job}"[:_MOST_CHARACTERS]
        listening = abstract_socket.bound(name)
        if listening is None:
            return _asked(name)
        listening.listen(64)
        self._held = listening
        text = statement.encode()
        threading.Thread(target=_tell, args=(listening, text), daemon=True).start()
        return None


def _tell(listening: socket.socket, text: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(text)
        except OSError:
            return


def _asked(name: str) -> str:
    """The statement of the process with the name."""
    with abstract_socket.new() as connection:
        connection.settimeout(_PATIENCE_S)
        try:
            connection.connect(abstract_socket.address(name))
            return connection.recv(4096).decode("utf-8", "replace") or _UNKNOWN
        except OSError:
            return _UNKNOWN
