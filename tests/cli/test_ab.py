"""`energybench ab -- A ::: B`: two commands in turns, compared as pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.store.layout import runs
from energybench.store.reader import read_run
from tests.cli.process import energybench
from tests.simulators import live_node

# Adds joules to the counter of the package, one every 5 ms, and waits until the counter shows them:
# a busy machine makes the command longer and its energy no other.
SPEND = """
import os, sys, time
def counted_j():
    text = ""
    while not text.strip():  # the node writes the file anew
        text = open("machine/sys/class/powercap/intel-rapl:0/energy_uj").read()
    return int(text) / 1e6
spent, joules = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND), int(sys.argv[2])
before_j, began_s = counted_j(), time.monotonic()
for _ in range(joules):
    time.sleep(0.005)
    os.write(spent, b"J")
# beside 1 W of the package itself
while counted_j() < before_j + joules + 0.9 * (time.monotonic() - began_s):
    time.sleep(0.005)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """A folder with a node of 2 W and what the commands spend."""
    spent = tmp_path / "spent"
    spent.touch()
    zones = {
        "intel-rapl:0": {"name": "package-0", "watts": 1, "spent": str(spent)},
        "intel-rapl:0:0": {"name": "dram", "watts": 1},
    }
    with live_node(tmp_path / "machine", zones):
        yield tmp_path


def command(joules: int) -> list[str]:
    return ["python3", "-S", "-c", SPEND, "spent", str(joules)]


def test_pairs_of_two_commands(machine: Path) -> None:
    """The ratio of energies is that of the joules spent; the runs are pairs of one session, one
    process for each block.
    """
    ran = energybench(
        *("ab", "--json", "--blocks", "4", "--settle", "0", "--root", "machine"),
        *("--", *command(80), ":::", *command(40)),
        cwd=machine,
    )
    assert ran.code == 0, ran.err
    comparison = json.loads(ran.out)
    assert "the blocks will take about" in ran.err
    first, second = (read_run(path) for path in runs(machine / "results"))
    assert first.session == second.session
    for run in (first, second):
        assert sorted(repeat.block or 0 for repeat in run.repeats) == [0, 1, 2, 3]
    ratio = comparison["energy_ratio"]
    assert ratio["value"] == pytest.approx(2, rel=0.1)
    assert comparison["verdict"] == "better"
    gains = [effect for effect in ratio["effects"] if effect["kind"] == "gain"]
    assert all(abs(effect["u"]) < 0.002 for effect in gains), gains


def test_one_command_against_itself(machine: Path) -> None:
    """--same tells what this machine can tell apart, and keeps the scatter between processes."""
    ran = energybench(
        *("ab", "--json", "--same", "--blocks", "3", "--settle", "0", "--root", "machine"),
        *("--", *command(40)),
        cwd=machine,
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["energy_ratio"]["value"] == pytest.approx(1, rel=0.1)
    assert "upper 95 % limit, 6 processes): kept for gates on one saved run" in ran.err
    assert len(list((machine / ".energybench" / "between-runs").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--", "true"), 2, "two commands with ::: in between"),
        (("--", "true", ":::"), 2, "before or after ::: is missing"),
        (("--", "true", ":::", "false", ":::", "true"), 2, "two commands"),
        (("--same", "--", "true", ":::", "true"), 2, "takes one command"),
        (("--", "true", ":::", "no-such-program"), 127, "no such program"),
        (("--", "true", ":::", "false"), 1, "false ended with 1 in the rehearsal: a command that"),
        (("--", "sh", "-c", "kill $$", ":::", "true"), 143, "sh ended with 143 in the rehearsal"),
    ],
)
def test_mistakes_and_failures(
    words: tuple[str, ...], code: int, text: str, tmp_path: Path
) -> None:
    """One clear line; a command's own exit code is the code."""
    ran = energybench("ab", *words, cwd=tmp_path)
    assert ran.code == code, ran.err
    assert ran.err.count("\n") == 1
    assert text in ran.err


def test_a_command_that_fails_after_the_rehearsal(tmp_path: Path) -> None:
    """The runs are kept and not compared; the line names no option of other commands."""
    fails_later = ("sh", "-c", "mkdir once 2>/dev/null || exit 3")
    ran = energybench(
        *("ab", "--blocks", "2", "--settle", "0", "--", "true", ":::", *fails_later), cwd=tmp_path
    )
    assert ran.code == 3, ran.err
    assert ran.out == ""
    assert "sh failed its check of exit status (mend the work first)\n" in ran.err
    assert len(runs(tmp_path / "results")) == 2


@pytest.mark.parametrize(("first_j", "second_j", "code"), [(30, 120, 1), (30, 30, 0)])
def test_a_gate_on_two_commands(machine: Path, first_j: int, second_j: int, code: int) -> None:
    """A command that costs four times the energy fails, after a second measurement; the same
    command does not.
    """
    ran = energybench(
        *("ab", "--fail", "20%", "--blocks", "3", "--settle", "0", "--root", "machine"),
        *("--", *command(first_j), ":::", *command(second_j)),
        cwd=machine,
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


@pytest.mark.parametrize("option", ["--pairs", "--blocks"])
@pytest.mark.parametrize("value", ["1", "1001", "two"])
def test_mistake_names_the_option_that_was_typed(tmp_path: Path, option: str, value: str) -> None:
    done = energybench("ab", option, value, "--", "true", ":::", "true", cwd=tmp_path)
    assert done.code == 2
    assert f"{option} {value}: is" in done.err
    assert ("--blocks" in done.err) == (option == "--blocks")


def test_two_names_of_one_option_are_not_both_stated(tmp_path: Path) -> None:
    words = ("ab", "--pairs", "3", "--blocks", "4", "--", "true", ":::", "true")
    done = energybench(*words, cwd=tmp_path)
    assert done.code == 2
    assert "another name of --pairs" in done.err
