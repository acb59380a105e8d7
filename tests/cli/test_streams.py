"""Standard streams that are closed, full, cut off or not UTF-8 cost their output, nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.process import REPLAYS, command, with_env

pytestmark = pytest.mark.xdist_group("streams")  # one run, which the module's tests share
SEVEN = "measure --out r -- sh -c 'exit 7'"


def shell(script: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in which `energybench` is the command; its last line prints exit codes."""
    python, dash, module = command()
    function = f'energybench() {{ "{python}" {dash} {module} "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", function + script], cwd=cwd, env=with_env(environment), capture_output=True
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    ran = shell(f"energybench measure --replay '{REPLAYS}/gpu-node.toml' --out r", folder)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (f"energybench {SEVEN} >&-", 7),
        (f"energybench {SEVEN} 2>&-", 7),
        (f"energybench {SEVEN} <&- >&- 2>&-", 7),
        (f"energybench {SEVEN} 2>/dev/full", 7),
        (f"(energybench {SEVEN} 2>&1; echo $? >code) | true; exit $(cat code)", 7),
        ("energybench measure --out r --json -- true 2>/dev/full >document", 0),
        ("(energybench measure --out r --json -- true; echo $? >code) | true; exit $(cat code)", 0),
        ("(energybench list workloads; echo $? >code) | true; exit $(cat code)", 0),
        ("(energybench report latest --store r; echo $? >code) | true; exit $(cat code)", 0),
        ("energybench report latest --store r --json 2>&-", 0),
        ("energybench list workloads >/dev/full", 125),
        ("energybench report latest --store r --json >/dev/full", 125),
        ("energybench list nosuch 2>&-", 2),
    ],
)
def test_a_lost_stream_keeps_the_exit_code(store: Path, script: str, code: int) -> None:
    """The measured program's own code, or that of the command; output that is lost on a full disk
    is a failure of its own.
    """
    ran = shell(script, store)
    assert ran.returncode == code, ran.stderr
    assert b"Traceback" not in ran.stderr


def test_a_program_finds_its_streams_as_they_were(store: Path) -> None:
    """Closed standard output stays closed for the program, and no file of the run takes its
    place.
    """
    shell("energybench measure --out r -- sh -c '(echo x) 2>/dev/null || touch closed' >&-", store)
    assert (store / "closed").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
@pytest.mark.parametrize(
    "arguments",
    ["compare latest latest", "grade latest", "report latest", "compare --json latest latest"],
)
def test_terminals_of_another_encoding(store: Path, encoding: str, arguments: str) -> None:
    """Every command prints, signs stay signs, and JSON stays UTF-8."""
    ran = shell(f"energybench {arguments} --store r", store, PYTHONIOENCODING=encoding)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == b""
    if "--json" in arguments:
        json.loads(ran.stdout.decode("utf-8"))
    if encoding == "ascii" and "report" not in arguments and "--json" not in arguments:
        assert ran.stdout.isascii()
