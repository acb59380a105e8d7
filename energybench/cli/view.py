"""`energybench view STORE`"""

from __future__ import annotations

import getpass
import os
import platform
import shlex
import signal
import sys
import tempfile
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, number_options, options
from energybench.errors import BadInput
from energybench.units import counted

if TYPE_CHECKING:
    import socket

    from energybench.viewing.index import Index

_FORWARDED_PORT = 8080  # of the person's own machine, to which a socket file is forwarded


def view(
    store: Annotated[
        Path, typer.Argument(help="Folder of run directories: the --out of `measure` and `run`.")
    ] = options.STORE,
    port: Annotated[
        int | None,
        number_options.whole(
            "--port", low=1, high=65535, help="Port of 127.0.0.1 to use. Default: a free port."
        ),
    ] = None,
    socket_file: Annotated[
        Path | None,
        typer.Option(
            "--socket",
            help="Serve on a socket file in place of a port; only you can connect to it.",
        ),
    ] = None,
    open_browser: Annotated[
        bool,
        typer.Option("--open/--no-browser", help="Open the page in a browser of this machine."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Look through a store in a browser, and compare its runs.

    Serves a page to you alone until Ctrl-C; the store is only read.
    """
    from energybench.viewing import sockets
    from energybench.viewing.access import Access
    from energybench.viewing.cache import CacheFolder
    from energybench.viewing.index import Index
    from energybench.viewing.server import Server
    from energybench.viewing.site import Site

    if socket_file is not None and port is not None:
        raise BadInput("--port", "has no effect beside --socket", "name one of the two")
    index = Index(store, CacheFolder.of(os.environ))
    with common.progress() as progress:
        rows = index.refresh(progress).rows
    if not rows:
        raise BadInput(str(store), "holds no run", "name a store: the --out of `measure` and `run`")
    if index.not_kept is not None:
        common.say(f"the index is kept in memory, and made again at each start: {index.not_kept}")
    entry = Access()
    site = Site(index, entry)
    with ExitStack() as ends:
        if socket_file is None:
            listening = sockets.on_loopback(port or 0)
            number = listening.getsockname()[1]
        else:
            listening, number = sockets.on_file(socket_file), _FORWARDED_PORT
            ends.callback(sockets.remove, socket_file, sockets.identity(socket_file))
        server = Server(listening, site.respond, common.say)
        ends.callback(server.server_close)
        address = f"http://{sockets.LOOPBACK}:{number}{entry.path()}"
        ends.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _end))
        try:  # from the first line on, which says that Ctrl-C ends
            _announce(index, address, _target(listening, socket_file), number, json=json)
            if open_browser:
                _open(address, ends)
            server.serve()
        except KeyboardInterrupt:
            common.say("ended")


def _end(*_: object) -> None:
    """A signal that ends the command, as Ctrl-C does."""
    raise KeyboardInterrupt


def _target(listening: socket.socket, socket_file: Path | None) -> str:
    """The end of a forwarded connection, as ssh names it."""
    if socket_file is not None:
        return str(socket_file.absolute())
    host, port = listening.getsockname()
    return f"{host}:{port}"


def _announce(index: Index, address: str, target: str, port: int, *, json: bool) -> None:
    """The address on stdout, and how to reach it on stderr."""
    rows = index.snapshot.rows
    if json:
        place = {"url": address, "target": target, "store": os.fsdecode(index.store)}
        common.print_json({**place, "entries": len(rows)})
    else:
        print(address)
    sys.stdout.flush()
    login = f"{_user()}@{platform.node()}"
    forward = shlex.join(["ssh", "-N", "-L", f"{port}:{target}", login])
    common.say(
        f"{counted(len(rows), 'entry', 'entries')} of {os.fsdecode(index.store)}; the address is "
        "yours alone and can be "
        "opened once; Ctrl-C ends"
    )
    common.say(f"from your own machine: {forward}   and then open the same address there")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry, in a container
        return "you"


def _open(address: str, ends: ExitStack) -> None:
    """Open the page in a browser. The browser is given a file that only its owner can read: other
    users see the arguments of its process, and could be faster with the token.
    """
    folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="energybench-view-")))
    file = folder / "open.html"
    file.write_text(
        '<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="0; url={address}">'
        f'<a href="{address}">energybench view</a>',
        "utf-8",
    )
    if not webbrowser.open(file.as_uri()):
        common.say("no browser was found here: open the address by hand")
