"""Who may see the page: the first who opens the printed address, with the cookie, at a loopback
name, and nobody else.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.viewing import access, sockets
from energybench.viewing.access import Access
from tests.viewing.served import Page, served
from tests.viewing.stores import some_runs

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
# Another user's program: it connects to a port or to a socket file, and asks for a path.
CLIENT = """
import socket, sys
place, path = sys.argv[1:]
if place.isdigit():
    connection = socket.create_connection(("127.0.0.1", int(place)), 100)
else:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", "", ""]
connection.sendall("\\r\\n".join(lines).encode())
answer = b""
while piece := connection.recv(65536):
    answer += piece
sys.stdout.write(answer.decode())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_runs(tmp_path_factory.mktemp("store"))


@pytest.fixture
def page(store: Path) -> Iterator[Page]:
    with served(store) as running:
        yield running


def test_the_printed_address_shows_the_store_once(page: Page) -> None:
    """The token is spent by the first who uses it; his cookie stays valid."""
    first = page.open()
    assert first.status == 200
    assert "alpha" in page.get().text
    again = page.ask(page.access.base + "open?token=" + "x" * 43)
    assert (again.status, again.headers["Set-Cookie"]) == (403, None)


def test_the_token_is_usable_once(store: Path) -> None:
    entry = Access()
    token = entry.path().partition("token=")[2]
    assert entry.exchange(token[:-1]) is None
    assert entry.exchange("") is None
    cookie = entry.exchange(token)
    assert cookie is not None
    assert entry.exchange(token) is None
    assert entry.is_spent()
    assert entry.knows(cookie.partition(";")[0])
    assert "token=" in Access().path()


def test_the_cookie_is_hidden_from_scripts_other_sites_and_other_paths(page: Page) -> None:
    """Cookies of 127.0.0.1 go to every port of it: the path is known to nobody else."""
    cookie = str(page.open().headers["Set-Cookie"])
    assert re.fullmatch(
        r"energybench-view=[\w-]{43}; Path=(/[\w-]{16}/); HttpOnly; SameSite=Strict", cookie
    )
    assert page.access.base in cookie


def test_a_preview_does_not_spend_the_token(page: Page) -> None:
    path = page.access.path()
    assert page.ask(path, "HEAD").status == 200
    assert page.open().status == 200


@pytest.mark.parametrize("name", ["", "state", "runs", "report", "save", "view.css", "nothing"])
def test_nothing_is_shown_without_the_cookie(page: Page, name: str) -> None:
    """Neither before nor after the address was opened."""
    page.open()
    for cookie in ("", "energybench-view=", "energybench-view=" + "A" * 43, "other=1"):
        got = page.ask(page.access.base + name, Cookie=cookie)
        assert got.status == 403
        assert "alpha" not in got.text
        assert str(page.index.store.decode()) not in got.text


def test_the_cookie_is_found_among_others() -> None:
    entry = Access()
    cookie = entry.exchange(entry.path().partition("token=")[2])
    assert cookie is not None
    own = cookie.partition(";")[0]
    assert entry.knows(f"a=b; {own}; c=d")
    assert entry.knows(f"energybench-view=of-another-server; {own}")
    assert not entry.knows(own.upper())
    assert not entry.knows(own + "x")
    assert not entry.knows("energybench-view=ä")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_another_host_name_is_refused(page: Page, host: str) -> None:
    """A foreign site whose name was pointed at 127.0.0.1 (DNS rebinding), even with the cookie."""
    page.open()
    got = page.ask(page.access.base, Host=host, Cookie=page.cookie)
    assert got.status == 421
    assert "alpha" not in got.text


def test_two_host_headers_or_none_are_refused(page: Page) -> None:
    page.open()
    for hosts in ("", "Host: localhost\r\nHost: localhost\r\n"):
        with page.connect() as connection:
            head = f"GET {page.access.base} HTTP/1.1\r\n{hosts}Cookie: {page.cookie}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("localhost:9000", True),
        ("LOCALHOST", True),
        ("[::1]:8080", True),
        ("localhost:", False),
        ("localhost.evil", False),
        ("127.0.0.1:80.evil", False),
        (None, False),
    ],
)
def test_the_names_of_this_machine(host: str | None, own: bool) -> None:
    """Any port, because ssh forwards from another one."""
    assert access.is_own_host(host) is own


def test_a_request_that_a_foreign_page_made_is_refused(page: Page) -> None:
    """Sec-Fetch-Site tells it, also of a page at another port of this machine."""
    page.open()
    for site, status in (("cross-site", 403), ("same-site", 403), ("none", 200)):
        got = page.ask(page.access.base, Cookie=page.cookie, Sec_Fetch_Site=site)
        assert got.status == status, site


def test_a_request_from_a_foreign_address_is_refused(page: Page) -> None:
    """Origin tells it if Sec-Fetch-Site does not; Referer if neither is there."""
    page.open()
    own = f"http://127.0.0.1:{page.port}"
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"{own}0"}, 403),
        ({"Origin": own.replace("http:", "https:")}, 403),
        ({"Origin": own}, 200),
        ({"Origin": "http://evil.example", "Sec_Fetch_Site": "none"}, 403),
        ({"Origin": own, "Referer": "http://evil.example/"}, 200),
        ({"Origin": own, "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Referer": "http://evil.example/page"}, 403),
        ({"Referer": f"{own}.evil.example/"}, 403),
        ({"Referer": f"{own}{page.access.base}?page=2"}, 200),
        ({"Referer": "http://evil.example/", "Sec_Fetch_Site": "same-origin"}, 200),
    ):
        got = page.ask(page.access.base, Cookie=page.cookie, **headers)
        assert got.status == status, headers


# ---------------------------------------------------------------- another user


def as_nobody(place: str, path: str) -> subprocess.CompletedProcess[str]:
    """The client as the user nobody, with a Python that nobody may run."""
    python = next(p for p in ("/usr/bin/python3", sys.executable) if os.path.exists(p))
    return subprocess.run(
        [python, "-c", CLIENT, place, path],
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={},
    )


@ROOT
def test_another_user_is_refused_at_the_port(page: Page) -> None:
    """The port of 127.0.0.1 is open to all users of the machine; the page is not."""
    page.open()
    for path in ("/", page.access.base, page.access.base + "open?token=guess"):
        ran = as_nobody(str(page.port), path)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith(("HTTP/1.1 403 ", "HTTP/1.1 404 ")), ran.stdout
        assert "alpha" not in ran.stdout


@ROOT
def test_another_user_is_refused_at_the_socket_file(store: Path, tmp_path: Path) -> None:
    """By the folder, by the file, and, if both were opened, by the user of the connection."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    file = tmp_path / "private" / "view"
    with served(store, sockets.on_file(file)) as page:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert "Permission denied" in as_nobody(str(file), page.access.base).stderr
        file.parent.chmod(0o755)
        assert "Permission denied" in as_nobody(str(file), page.access.base).stderr
        file.chmod(0o666)
        ran = as_nobody(str(file), page.access.base)
        assert "HTTP/1.1" not in ran.stdout
        own = socket.socket(socket.AF_UNIX)
        with own:
            own.settimeout(100)
            own.connect(str(file))
            own.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert own.recv(100).startswith(b"HTTP/1.1 404 ")


@ROOT
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner could put another socket into the place."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(BadInput, match="belongs to somebody else"):
        sockets.on_file(folder / "view")


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(BadInput, match="is open to others"):
        sockets.on_file(tmp_path / "open" / "view")


def test_the_socket_file_is_removed_unless_it_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "private" / "view"
    with sockets.on_file(file):
        own = sockets.identity(file)
        sockets.remove(file, (0, 0))
        assert file.exists()
        sockets.remove(file, own)
        assert not file.exists()
        sockets.remove(file, own)
