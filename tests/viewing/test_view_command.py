"""`energybench view` as a person runs it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.process import Ran, command, in_process, one_line, until, with_env
from tests.viewing.stores import some_runs, write_run

LIMIT_S = 250  # for a hang


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return some_runs(tmp_path / "store")


@contextmanager
def running(*arguments: str, cwd: Path, **env: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command and its output, once it serves."""
    out = cwd / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            command("view", *arguments),
            cwd=cwd,
            env=with_env({"XDG_CACHE_HOME": str(cwd / "cache"), **env}),
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        until(lambda: out.read_text().endswith("\n"))
        yield out.read_text().strip(), process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: int) -> Ran:
    """The end of the command after a signal, with its words on stderr."""
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT_S)
    return Ran(process.returncode, "", err)


def refused(*arguments: str, cwd: Path) -> str:
    """The one line of a mistake; nothing is served."""
    return one_line(in_process("view", *arguments, cwd=cwd))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_address_and_a_clean_end(store: Path, tmp_path: Path, number: int) -> None:
    """The address alone on stdout; how to come there from elsewhere on stderr; code 0."""
    with running("store", cwd=tmp_path) as (address, process):
        parts = urlsplit(address)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{16}/open\?token=[\w-]{43}", address)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=LIMIT_S)
        connection.request("GET", f"{parts.path}?{parts.query}")
        assert connection.getresponse().status == 200  # and the connection stays open
        ran = ended(process, number)
        connection.close()
    assert ran.code == 0, ran.err
    assert (tmp_path / "out").read_text() == address + "\n"
    assert "Traceback" not in ran.err
    assert "4 entries of" in ran.err
    assert f"ssh -N -L {parts.port}:127.0.0.1:{parts.port} " in ran.err
    assert ran.err.endswith("ended\n")


def test_the_port_is_that_of_127_0_0_1_alone(store: Path, tmp_path: Path) -> None:
    """Not of the addresses by which other machines reach this one."""
    with running("store", cwd=tmp_path) as (address, _):
        port = f"{urlsplit(address).port:04X}"
        lines = [
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            if Path(table).exists()
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A"  # LISTEN
        ]
        assert [place for place in lines if place.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_a_socket_file_is_made_and_removed(store: Path, tmp_path: Path) -> None:
    """In a new folder that is closed to others; the words say how to forward it."""
    file = tmp_path / "private" / "view"
    with running("store", "--socket", str(file), cwd=tmp_path) as (address, process):
        connection = socket.socket(socket.AF_UNIX)
        with connection:
            connection.connect(str(file))
            path = address.removeprefix("http://127.0.0.1:8080")
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        ran = ended(process, signal.SIGINT)
    assert ran.code == 0, ran.err
    assert f"ssh -N -L 8080:{file} " in ran.err
    assert not file.exists()


def test_json_is_one_document(store: Path, tmp_path: Path) -> None:
    with running("store", "--json", cwd=tmp_path) as (text, process):
        assert ended(process, signal.SIGINT).code == 0
    document = json.loads(text)
    assert document["url"].startswith("http://127.0.0.1:")
    assert (document["store"], document["entries"]) == (str(store), 4)


def test_a_cache_that_cannot_be_written_is_one_line(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with running("store", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file")) as (_, process):
        ran = ended(process, signal.SIGINT)
    assert ran.code == 0
    lines = [line for line in ran.err.splitlines() if "kept in memory" in line]
    assert len(lines) == 1, ran.err


def test_the_browser_does_not_get_the_token_as_an_argument(store: Path, tmp_path: Path) -> None:
    """Other users see the arguments of a process. The file with the address is closed to them, and
    is removed at the end.
    """
    said = tmp_path / "said"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {said}.new; mv {said}.new {said}\n')
    browser.chmod(0o755)
    with running("store", "--open", cwd=tmp_path, BROWSER=str(browser)) as (address, process):
        until(said.exists)
        opened = said.read_text()
        assert opened.startswith("file:///")
        assert address.partition("token=")[2] not in opened
        file = Path(urlsplit(opened).path)
        assert address in file.read_text()
        assert file.parent.stat().st_mode & 0o077 == 0
        assert ended(process, signal.SIGINT).code == 0
    assert not file.parent.exists()


def test_a_clean_end_before_the_first_page(store: Path, tmp_path: Path) -> None:
    """Ctrl-C acts from the moment that the address is printed, not only once pages are served."""
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nkill -INT $PPID\nsleep 1\n")
    browser.chmod(0o755)
    with running("store", "--open", cwd=tmp_path, BROWSER=str(browser)) as (_, process):
        _, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
        assert "Traceback" not in err


def test_what_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "other" / "papers").mkdir(parents=True)
    write_run(tmp_path / "store", "run")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in {
        "absent": "no such folder",
        "empty": "holds no run",
        "other": "holds no run",
        "file": "is not a folder",
        "store/run": "is a single run or study, not a store",
        "loop": "no such folder",
    }.items():
        assert words in refused(name, cwd=tmp_path), name
    assert "results: no such folder" in refused(cwd=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_store_that_cannot_be_read(store: Path, tmp_path: Path) -> None:
    store.chmod(0)
    try:
        assert "cannot be read: Permission denied" in refused("store", cwd=tmp_path)
    finally:
        store.chmod(0o755)


def test_a_port_that_is_taken(store: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"--port {port}: is taken" in refused("store", "--port", port, cwd=tmp_path)


def test_sockets_that_cannot_be_made(store: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    taken = tmp_path / "taken"
    taken.write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    for name, words in {
        str(taken): "exists already",
        "x" * 108: "is longer than 107 bytes",
        str(tmp_path / "a" / "b" / "c"): "cannot be made: No such file or directory",
        str(taken / "c"): "is not a folder",
        str(tmp_path / "open" / "view"): "is open to others",
    }.items():
        assert words in refused("store", "--socket", name, cwd=tmp_path), name
    assert taken.exists()
    line = refused("store", "--socket", "s", "--port", "8080", cwd=tmp_path)
    assert "--port: has no effect beside --socket" in line
