"""Abstract sockets (unix(7)): a name that one process of the node can hold at a time.

Taking the name is atomic; the name is visible to all processes of the node, in every folder; and
the name disappears with the last process that holds the socket, however the process ends.
"""

from __future__ import annotations

import socket


def bound(name: str) -> socket.socket | None:
    """A socket that holds the name; None if the name is taken."""
    holding = new()
    try:
        holding.bind(address(name))
    except OSError:
        holding.close()
        return None
    return holding


def address(name: str) -> str:
    """The address of a name, for `bind` and `connect`. At most 107 bytes of a name count."""
    return "\0" + name


def new() -> socket.socket:
    """A socket that programs started by this process do not inherit."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
