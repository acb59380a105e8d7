"""`energybench measure -- PROGRAM` through real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import command, energybench, partial
from tests.cli.started_runs import runs


def test_json_is_one_document_and_the_programs_output_goes_to_stderr(tmp_path: Path) -> None:
    """--json: exactly one JSON document on stdout, the program's own stdout beside it on stderr."""
    start_s = time.monotonic()
    ran = energybench(
        "measure", "--json", "--", "sh", "-c", "echo from-the-program; sleep 0.3", cwd=tmp_path
    )
    took_s = time.monotonic() - start_s
    assert ran.code == 0
    assert ran.json["kind"] == "measurement"
    assert ran.json["command"][0] == "sh"
    assert "from-the-program" in ran.err
    assert 0.29 < ran.json["time_s"]["value"] < took_s


def test_without_json_the_programs_stdout_is_its_own(tmp_path: Path) -> None:
    """A pipe behind `measure` gets what the program printed, and nothing else."""
    ran = energybench("measure", "--", "printf", "a\\nb\\n", cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "a\nb\n")
    assert "energy per repeat" in ran.err


def test_the_run_directory_is_whole_and_reads_back(tmp_path: Path) -> None:
    """run.json is the document that was printed, beside the samples; nothing partial is left."""
    ran = energybench(
        "measure",
        "--json",
        "--label",
        "my run",
        "--out",
        "store",
        "--",
        "sleep",
        "0.2",
        cwd=tmp_path,
    )
    (run,) = runs(tmp_path / "store")
    assert json.loads((run / "run.json").read_text()) == ran.json
    assert sorted(path.name for path in run.iterdir()) == ["run.json", "samples.parquet"]
    assert not list((tmp_path / "store").glob(".partial-*"))
    assert "my_run" in run.name


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_exit_code_is_the_programs(tmp_path: Path, script: str, code: int) -> None:
    """Its own code, 128 + N for signal N; a failed program is a failed check, not a failed
    measurement.
    """
    ran = energybench("measure", "--json", "--", "sh", "-c", script, cwd=tmp_path)
    assert ran.code == code
    assert ran.json["verification"][0] == {
        "quantity": "exit status",
        "value": float(code),
        "tolerance": 0.0,
        "passed": code == 0,
    }


def test_first_nonzero_code_of_the_repeats(tmp_path: Path) -> None:
    """With repeats, the first code that is not zero; all repeats are measured."""
    ran = energybench(
        "measure",
        "--json",
        "--repeats",
        "3",
        "--",
        "sh",
        "-c",
        "n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) > n; exit $((n*4))",
        cwd=tmp_path,
    )
    assert ran.code == 4
    assert len(ran.json["repeats"]) == 3


def test_programs_that_cannot_start(tmp_path: Path) -> None:
    """127 not found, 126 not executable, with one line and no run directory."""
    (tmp_path / "data.txt").write_text("no program")
    for name, code in (
        ("no-such-program", 127),
        ("./no/such/path", 127),
        ("./data.txt", 126),
        (str(tmp_path), 126),
    ):
        ran = energybench("measure", "--", name, cwd=tmp_path)
        assert (ran.code, ran.out) == (code, "")
        assert len(ran.err.strip().splitlines()) == 1
    assert not runs(tmp_path / "results")
    assert not partial(tmp_path)


def test_children_are_measured_with_the_program(tmp_path: Path) -> None:
    """Load that a program's children cause is its load: their second of CPU time costs as much,
    however long a busy machine makes them wait for it.
    """
    spin = "t=time.process_time()\n    while time.process_time()-t<0.5: pass\n    os._exit(0)"
    busy = (
        f"import os,time\nfor _ in range(2):\n  if os.fork()==0:\n    {spin}\nos.wait();os.wait()"
    )
    work = energybench(
        "measure", "--json", "--collector", "estimate", "--", "python3", "-c", busy, cwd=tmp_path
    ).json
    rest = energybench(
        "measure", "--json", "--collector", "estimate", "--", "sleep", "0.5", cwd=tmp_path
    ).json

    joules, seconds = (
        tuple(
            result[key] if key == "time_s" else result["components_j"][key]
            for result in (work, rest)
        )
        for key in ("cpu.package", "time_s")
    )
    idle_w = joules[1]["value"] / seconds[1]["value"]
    assert joules[0]["value"] - idle_w * seconds[0]["value"] > 0.5 * idle_w
    assert work["quality"] == "estimated"


def test_idle_phase(tmp_path: Path) -> None:
    """--idle measures the node before the program, and shows it."""
    result = energybench(
        "measure", "--json", "--idle", "0.5", "--", "sleep", "0.2", cwd=tmp_path
    ).json
    assert result["idle_power_w"]["value"] > 0
    assert result["energy_j"]["low"] <= result["energy_j"]["value"] <= result["energy_j"]["high"]


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """One line, before the program is started."""
    (tmp_path / "file").write_text("")
    ran = energybench("measure", "--out", "file/store", "--", "touch", "started", cwd=tmp_path)
    assert ran.code == 125
    assert "file/store" in ran.err
    assert not (tmp_path / "started").exists()


@pytest.mark.root
def test_no_privilege_is_needed(tmp_path: Path) -> None:
    """Without a single capability everything still works."""
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip(
            "needs root and setpriv to give capabilities up; without root every other test is this "
            "test"
        )
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    ran = subprocess.run(
        [*bare, *command("measure", "--json", "--", "true")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["kind"] == "measurement"


def test_a_program_that_vanishes_keeps_its_repeats(tmp_path: Path) -> None:
    """A repeat that cannot be started does not cost the ones before it; the code is the shell's for
    it.
    """
    (tmp_path / "once").write_text('#!/bin/sh\nsleep 0.3; rm -- "$0"\n')
    (tmp_path / "once").chmod(0o755)
    ran = energybench("measure", "--json", "--repeats", "3", "--", "./once", cwd=tmp_path)
    assert ran.code == 127
    assert len(ran.json["repeats"]) == 1
    assert "program-gone" in {doubt["code"] for doubt in ran.json["doubts"]}


def test_the_program_finds_the_environment_as_it_was(tmp_path: Path) -> None:
    """The variable that keeps numpy without threads is not set for the program."""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    script = 'echo "${OPENBLAS_NUM_THREADS-not set}"'
    command_line = command("measure", "--", "sh", "-c", script)
    ran = subprocess.run(
        command_line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "not set\n"
    environment["OPENBLAS_NUM_THREADS"] = "3"
    ran = subprocess.run(
        command_line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "3\n"


def test_a_short_program_costs_no_import_of_masked_arrays(tmp_path: Path) -> None:
    """Medians and quantiles are taken without numpy.ma, a twentieth of the time of `measure`."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    ran = subprocess.run(
        command("measure", "--", "true"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "numpy" in modules
    assert "numpy.ma" not in modules


@pytest.mark.parametrize("most", [12, 20])
def test_too_few_file_descriptors_are_named(tmp_path: Path, most: int) -> None:
    """One line with the remedy and the code of a failure of our own; the program is not run."""
    command = f"ulimit -n {most}; exec {sys.executable} -m energybench measure -- touch ran"
    ran = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 125, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "ulimit -n 64" in ran.stderr
    assert not (tmp_path / "ran").exists()
