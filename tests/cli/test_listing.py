"""`energybench list`: one line for each thing, for the person who has to choose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.plugin import install
from tests.cli.process import energybench

# Words of those who write collectors and reports, not of those who choose one.
_INSIDE = re.compile(
    r"`|\(\)|\b(Unavailable|close|open_event|descriptor|[Cc]onstruct\w*|escaped|markup|render\w*|newline)\b"
)


def entries(tmp: Path, what: str, env: dict[str, str] | None = None) -> list[Any]:
    ran = energybench("list", what, "--json", cwd=tmp, env=env)
    assert ran.code == 0, ran.err
    result: list[Any] = ran.json["entries"]
    return result


@pytest.mark.parametrize("what", ["collectors", "reports", "workloads"])
def test_each_has_a_line_that_a_person_understands(tmp_path: Path, what: str) -> None:
    """The description of a plugin fits a line of a wide terminal, and says in a user's words what
    the plugin reads and covers.
    """
    for entry in entries(tmp_path, what):
        assert 30 <= len(entry["about"]) <= 140, entry
        assert not _INSIDE.search(entry["about"]), entry


def test_a_collector_says_what_it_covers(tmp_path: Path) -> None:
    """The parts of a node by the names a person gives them."""
    messages = {entry["name"]: entry["about"] for entry in entries(tmp_path, "collectors")}
    assert "NVIDIA boards" in messages["nvml"]
    assert all("CPU packages" in messages[name] for name in ("rapl", "perf_rapl", "estimate"))
    assert "the whole node" in messages["pm_counters"]


def test_a_plugin_without_such_a_line_has_its_docstring_s_first(tmp_path: Path) -> None:
    """`about` is optional; in the text the names stand in a column of their own."""
    env = install(tmp_path)
    assert {entry["name"]: entry["about"] for entry in entries(tmp_path, "workloads", env)}[
        "pause"
    ].startswith("Sleeps, and does as its settings say.")
    lines = energybench("list", "workloads", cwd=tmp_path, env=env).out.splitlines()
    assert (
        len({re.match(r"\S+\s+", line).end() for line in lines if line.split()[0] != "explodes"})
        == 1
    )  # type: ignore[union-attr]
