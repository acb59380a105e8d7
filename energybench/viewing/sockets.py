"""The socket of the page: 127.0.0.1, or a file that only its owner can open."""

from __future__ import annotations

import errno
import os
import shlex
import socket
import stat
import struct
from pathlib import Path

from energybench.errors import BadInput

LOOPBACK = "127.0.0.1"
_BACKLOG = 64
_MOST_PATH_BYTES = 107  # sockaddr_un.sun_path has 108 bytes with the closing NUL (unix(7))


def on_loopback(port: int) -> socket.socket:
    """Listens on 127.0.0.1; port 0 is any free port. Raises BadInput."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        what = f"cannot be used: {error.strerror}"
        remedy = "name another port"
        if error.errno == errno.EADDRINUSE:
            what, remedy = "is taken", "name another port, or none: a free one is then used"
        raise BadInput(f"--port {port}", what, remedy) from None
    return listening


def on_file(path: Path) -> socket.socket:
    """Listens on a new socket file of mode 0600, in a folder closed to other users; a missing
    folder is made. Raises BadInput.
    """
    where = f"--socket {path}"
    if len(os.fsencode(path)) > _MOST_PATH_BYTES:
        what = f"is longer than {_MOST_PATH_BYTES} bytes, the most that a socket's path can have"
        raise BadInput(where, what, "name a shorter path")
    try:
        _private_folder(path.parent, where)
        if os.path.lexists(path):
            raise BadInput(
                where,
                "exists already",
                f"if no other view uses it: rm {shlex.quote(str(path))}",
            )
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listening.bind(os.fspath(path))
        except BaseException:
            listening.close()
            raise
        finally:
            os.umask(mask)
        listening.listen(_BACKLOG)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(where, f"cannot be made: {reason}") from None
    return listening


def _private_folder(folder: Path, where: str) -> None:
    """Make the folder if missing. Raises BadInput if other users can enter the folder, and
    OSError.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700)
    state = os.stat(folder)
    if not stat.S_ISDIR(state.st_mode):
        raise BadInput(where, f"{folder} is not a folder")
    if state.st_uid != os.geteuid():
        raise BadInput(where, f"the folder {folder} belongs to somebody else", "a folder of yours")
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise BadInput(
            where,
            f"the folder {folder} is open to others",
            f"chmod 700 {shlex.quote(str(folder))}, or a folder that does not exist yet",
        )


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a socket file; None without a file."""
    try:
        state = os.lstat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def remove(path: Path, own: tuple[int, int] | None) -> None:
    """Remove the socket file, unless another file has taken its place."""
    if own is not None and identity(path) == own:
        path.unlink(missing_ok=True)


def is_own_user(connection: socket.socket) -> bool:
    """Whether the process at the remote end of a socket file belongs to this user or to root."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", credentials)  # struct ucred: pid, uid, gid (unix(7))
    return user in (0, os.geteuid())
