"""`energybench ab -- A ::: B`: two commands in turns, compared as pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energybench.store.layout import runs
from energybench.store.reader import read_run
from tests.cli.process import energybench
from tests.simulators import live_node

ZONES = {
    "intel-rapl:0": {"name": "package-0", "watts": 90},
    "intel-rapl:0:0": {"name": "dram", "watts": 10},
}
SLEEP = ("python3", "-S", "-c", "import time; time.sleep({})")


def command(seconds: float) -> list[str]:
    return [word.format(seconds) for word in SLEEP]


def test_pairs_of_two_commands(tmp_path: Path) -> None:
    """The ratio of energies is that of the times on a node of constant power; the runs are pairs of
    one session, one process for each block.
    """
    with live_node(tmp_path / "machine", ZONES):
        ran = energybench(
            *("ab", "--json", "--blocks", "4", "--settle", "0", "--root", "machine"),
            *("--", *command(0.6), ":::", *command(0.3)),
            cwd=tmp_path,
        )
    assert ran.code == 0, ran.err
    comparison = json.loads(ran.out)
    assert "the blocks will take about" in ran.err
    first, second = (read_run(path) for path in runs(tmp_path / "results"))
    assert first.session == second.session
    for run in (first, second):
        assert sorted(repeat.block or 0 for repeat in run.repeats) == [0, 1, 2, 3]
    ratio = comparison["energy_ratio"]
    times = [run.time_s.value for run in (first, second)]
    assert ratio["low"] <= times[0] / times[1] <= ratio["high"]
    assert comparison["verdict"] == "better"
    gains = [effect for effect in ratio["effects"] if effect["kind"] == "gain"]
    assert all(abs(effect["u"]) < 1e-6 for effect in gains)


def test_one_command_against_itself(tmp_path: Path) -> None:
    """--same tells what this machine can tell apart, and keeps the scatter between processes."""
    with live_node(tmp_path / "machine", ZONES):
        ran = energybench(
            *("ab", "--json", "--same", "--blocks", "3", "--settle", "0", "--root", "machine"),
            *("--", *command(0.3)),
            cwd=tmp_path,
        )
    assert ran.code == 0, ran.err
    ratio = json.loads(ran.out)["energy_ratio"]
    assert ratio["low"] <= 1 <= ratio["high"]
    assert "upper 95 % limit, 6 processes): kept for gates on one saved run" in ran.err
    assert len(list((tmp_path / ".energybench" / "between-runs").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--", "true"), 2, "two commands with ::: in between"),
        (("--", "true", ":::"), 2, "before or after ::: is missing"),
        (("--", "true", ":::", "false", ":::", "true"), 2, "two commands"),
        (("--same", "--", "true", ":::", "true"), 2, "takes one command"),
        (("--", "true", ":::", "no-such-program"), 127, "no such program"),
        (("--blocks", "2", "--settle", "0", "--", "true", ":::", "false"), 1, "failed its check"),
    ],
)
def test_mistakes_and_failures(
    words: tuple[str, ...], code: int, text: str, tmp_path: Path
) -> None:
    """One clear line; a command's own exit code is the code."""
    ran = energybench("ab", *words, cwd=tmp_path)
    assert ran.code == code, ran.err
    assert text in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("first_s", "second_s", "code"), [(0.3, 1.2, 1), (0.3, 0.3, 0)])
def test_a_gate_on_two_commands(tmp_path: Path, first_s: float, second_s: float, code: int) -> None:
    """A command that costs four times the energy fails, after a second measurement; the same
    command does not.
    """
    with live_node(tmp_path / "machine", ZONES):
        ran = energybench(
            *("ab", "--fail", "20%", "--blocks", "3", "--settle", "0", "--root", "machine"),
            *("--", *command(first_s), ":::", *command(second_s)),
            cwd=tmp_path,
        )
    assert ran.code == code, ran.err
    assert ("measuring once more" in ran.err) == bool(code)
    # how long a second measurement takes is announced before the first one only
    announced = [line for line in ran.err.split("\n") if "the blocks will take about" in line]
    assert ["has to measure once more" in line for line in announced] == [True, False][: 1 + code]
    verdicts = [line for line in ran.err.split("\n") if "; 3 pairs" in line]
    heads = [line for line in ran.out.split("\n") if " measurement" in line]
    if code:
        first, second = verdicts
        assert "regressed: +" in first
        assert first.endswith("; measuring once more")
        assert second.endswith("; confirmed")
        assert heads == ["first measurement", "second measurement, by which --fail decided"]
        assert ran.out.count("verdict: worse") == 2
    else:
        assert len(verdicts) == 1
        assert heads == []
        assert ran.out.count("verdict: ") == 1


@pytest.mark.parametrize("stated", ["5", "-5%", "0%", "101%", "five%"])
def test_thresholds_that_are_none(tmp_path: Path, stated: str) -> None:
    """One clear line."""
    ran = energybench("ab", f"--fail={stated}", "--", "true", ":::", "true", cwd=tmp_path)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "--fail" in ran.err
