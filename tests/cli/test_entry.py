"""The first moments of a command, before the command line is loaded."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.process import command, energybench

# A library of the command line that takes Ctrl-C while it is imported.
INTERRUPTED = (
    "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(60)\n"
)


# The same at places where Python turns an exception into another one, or prints and forgets it.
IN_A_CLASS = """
import os, signal
class Part:
    def __set_name__(self, owner, name): os.kill(os.getpid(), signal.SIGINT)
class Whole:
    part = Part()
"""
FORGOTTEN = """
import os, signal
class Part:
    def __del__(self): os.kill(os.getpid(), signal.SIGINT)
Part()
"""


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("typer", INTERRUPTED),
        ("msgspec", INTERRUPTED),
        ("typer", IN_A_CLASS),
        ("typer", FORGOTTEN),
    ],
)
def test_ctrl_c_while_python_imports_is_one_line(tmp_path: Path, module: str, source: str) -> None:
    """The code of an interrupted command, and no traceback."""
    (tmp_path / f"{module}.py").write_text(source)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = energybench("measure", "--", "true", cwd=tmp_path, env={"PYTHONPATH": path})
    assert (done.code, done.err) == (130, "energybench: interrupted\n")


def test_ctrl_c_while_python_ends_is_no_traceback(tmp_path: Path) -> None:
    """The result is printed; the rest of the command is Python's own."""
    late = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
    (tmp_path / "sitecustomize.py").write_text(late)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = energybench("--version", cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.code == -signal.SIGINT
    assert done.out.startswith("energybench ")
    assert done.err == ""


def test_the_installed_command_begins_at_the_same_place() -> None:
    """`energybench` and `python -m energybench` are one entry."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"] == {"energybench": "energybench.__main__:start"}


@pytest.mark.parametrize("megabytes", [64, 100, 150, 200, 250, 300])
def test_a_small_address_space_is_one_line(tmp_path: Path, megabytes: int) -> None:
    """As of a batch system that sets ulimit -v: energybench cannot be loaded, says so, and the
    program is not started.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 10**6, resource.RLIM_INFINITY))

    done = subprocess.run(
        command("measure", "--", "touch", "started"),
        cwd=tmp_path,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 125, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"an address space of {megabytes} MB is too small" in line
    assert not (tmp_path / "started").exists()


def test_the_entry_itself_loads_nothing() -> None:
    """The guard stands before every import that takes time."""
    script = "import sys; import energybench.__main__; print('typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n"
