"""`measure --adapter` and `adapter check`, with a program of a few lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.files import OUTPUT, SOLVER
from tests.cli.process import command, energybench, in_process, one_line, partial, until, with_env

PROGRAM = """#!/bin/sh
printf 'solved %s cells in 7 steps, 2.5 GF/s\\nresidual 3e-7\\nstatus: converged\\n' "${CELLS:-100}"
exit ${CODE:-0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the program, its input, and an adapter in ./adapters."""
    (tmp_path / "solver").write_text(PROGRAM)
    (tmp_path / "solver").chmod(0o755)
    (tmp_path / "solver.in").write_text("input")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "solver.toml").write_text(SOLVER)
    return tmp_path


def measured(folder: Path, *words: str, **env: str) -> Any:
    arguments = ["measure", "--adapter", "solver", "--json", *words, "--", "./solver"]
    ran = energybench(*arguments, cwd=folder, env=env)
    assert ran.code == int(env.get("CODE", 0)), ran.err
    assert OUTPUT.replace(b"100", env.get("CELLS", "100").encode()).decode() in ran.err
    return ran.json


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


def test_each_repeat_states_its_work(folder: Path) -> None:
    """Work, price of the work, figure of merit and checks; the output is the program's own."""
    document = measured(folder, "--repeats", "3")
    assert document["work"]["amount"] == 700
    assert [repeat["work"]["amount"] for repeat in document["repeats"]] == [700] * 3
    assert document["energy_per_work_j"]["value"] == pytest.approx(
        document["energy_j"]["value"] / 700
    )
    assert all(check["passed"] for check in document["verification"])
    assert {"exit status", "output read by solver", "solver: residual", "solver: status"} == {
        check["quantity"] for check in document["verification"]
    }
    assert document["record"]["figures"] == {"figure of merit of the last repeat, GF/s": 2.5}
    assert document["record"]["series"][0]["y"] == [2.5] * 3


@pytest.mark.parametrize("where", ["pipe", "file"])
def test_standard_output_is_the_programs_own(folder: Path, where: str) -> None:
    arguments = command("measure", "--adapter", "solver", "--repeats", "2", "--", "./solver")
    out = folder / "out"
    with out.open("wb") as file:
        stdout = subprocess.PIPE if where == "pipe" else file
        done = subprocess.run(arguments, cwd=folder, stdout=stdout, stderr=subprocess.PIPE)
    assert done.returncode == 0
    assert (done.stdout if where == "pipe" else out.read_bytes()) == OUTPUT * 2
    assert b"per cell-step" in done.stderr


def test_the_same_problem_is_compared_and_another_is_refused(folder: Path) -> None:
    first, second = measured(folder, "--repeats", "2"), measured(folder, "--repeats", "2")
    other = measured(folder, "--repeats", "2", CELLS="101")
    assert in_process("compare", first["id"], second["id"], cwd=folder).code == 0
    refused = one_line(in_process("compare", first["id"], other["id"], cwd=folder))
    assert "solver cells=100 steps=7" in refused
    assert "solver cells=101 steps=7" in refused
    (folder / "solver.in").write_text("another input")
    changed = measured(folder, "--repeats", "2")
    assert "they did other work" in one_line(
        in_process("compare", first["id"], changed["id"], cwd=folder)
    )


def test_an_output_without_a_match_costs_the_work_and_no_measurement(folder: Path) -> None:
    """The program's own exit code, the energy and a failed check that names the adapter."""
    (folder / "solver").write_text("#!/bin/sh\necho nothing; exit 3\n")
    ran = energybench("measure", "--adapter", "solver", "--json", "--", "./solver", cwd=folder)
    assert ran.code == 3
    assert ran.json["work"] is None
    assert ran.json["energy_j"]["value"] > 0
    assert "output-unmatched" in codes(ran.json)
    assert "output read by solver" in {
        check["quantity"] for check in ran.json["verification"] if not check["passed"]
    }


def test_a_repeat_without_work_does_not_shift_the_works_of_the_others(folder: Path) -> None:
    (folder / "solver").write_text(
        "#!/bin/sh\nn=$(cat count 2>/dev/null || echo 0); n=$((n+1)); echo $n > count\n"
        "[ $n = 2 ] && exit 0\n"
        'echo "solved $n cells in 7 steps, 2.5 GF/s"; echo status: converged\n'
    )
    ran = energybench(
        "measure", "--adapter", "solver", "--json", "--repeats", "3", "--", "./solver", cwd=folder
    )
    works = [repeat["work"] and repeat["work"]["amount"] for repeat in ran.json["repeats"]]
    assert works == [7, None, 21]
    assert ran.json["energy_per_work_j"] is None
    assert "output-unmatched" in codes(ran.json)


def test_a_file_of_the_program_is_read_if_this_run_wrote_it(folder: Path) -> None:
    adapter = folder / "file.toml"
    adapter.write_text(SOLVER + '\n[output]\nfile = "log"\nfile_options = { "-o" = "{}" }\n')
    (folder / "log").write_bytes(OUTPUT)
    words = ["measure", "--adapter", str(adapter), "--json", "--"]
    stale = energybench(*words, "./solver", cwd=folder)
    assert "output-unread" in codes(stale.json)
    assert stale.json["work"] is None
    (folder / "solver").write_text(f"#!/bin/sh\nprintf '{OUTPUT.decode()}' > new\n")
    fresh = energybench(*words, "./solver", "-o", "new", cwd=folder)
    assert fresh.json["work"]["amount"] == 700


def test_a_killed_measuring_side_costs_no_output(folder: Path) -> None:
    """What the program writes after the measuring process was killed still reaches the person."""
    os.mkfifo(folder / "go")
    (folder / "solver").write_text("#!/bin/sh\necho before; read x < go; echo after\n")
    process = subprocess.Popen(
        command("measure", "--adapter", "solver", "--", "./solver"),
        cwd=folder,
        env=with_env({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"before\n"
    until(lambda: partial(folder, "repeat"))
    process.kill()
    process.wait()
    (folder / "go").write_text("now\n")
    assert process.stdout.read() == b"after\n"


def test_a_signal_reaches_the_program_and_its_last_words_the_adapter(folder: Path) -> None:
    (folder / "solver").write_text(
        "#!/bin/sh\ntrap 'echo status: converged; exit 5' TERM\n"
        "echo 'solved 1 cells in 7 steps, 2 GF/s'; while :; do sleep 0.1; done\n"
    )
    process = subprocess.Popen(
        command("measure", "--adapter", "solver", "--", "./solver"),
        cwd=folder,
        env=with_env({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"solved")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert out == b"status: converged\n"
    assert process.returncode == 5


def test_check_tries_a_saved_output(folder: Path) -> None:
    (folder / "out").write_bytes(OUTPUT)
    ran = in_process("adapter", "check", "adapters/solver.toml", "out", cwd=folder)
    assert ran.code == 0
    for words in ("work: 700 cell-step", "figure of merit: 2.5 GF/s", "cells=100", "passed"):
        assert words in ran.out
    listed = in_process("adapter", "check", "solver", "out", "--json", "--", "./solver", cwd=folder)
    assert listed.json["work"]["amount"] == 700
    assert listed.json["doubts"] == []


def test_check_ends_with_1_if_a_pattern_or_a_check_fails(folder: Path) -> None:
    (folder / "out").write_bytes(OUTPUT.replace(b"3e-7", b"3e-5"))
    assert in_process("adapter", "check", "solver", "out", cwd=folder).code == 1
    (folder / "out").write_text("\x1b]0;title\x07 nothing")
    ran = in_process("adapter", "check", "solver", "out", cwd=folder)
    assert ran.code == 1
    assert "did not match" in ran.out
    assert "\x1b" not in ran.out


def test_bad_input_is_one_line(folder: Path) -> None:
    (folder / "broken.toml").write_text(SOLVER.replace("unit =", "units ="))
    (folder / "out").write_bytes(OUTPUT)
    for arguments, words in (
        (("adapter", "check", "broken.toml", "out"), "broken.toml"),
        (("adapter", "check", "nosuch", "out"), "have: gromacs, hpcc, lammps, solver"),
        (("adapter", "check", "solver", "missing"), "does not exist"),
        (("measure", "--adapter", "broken.toml", "--", "true"), "work"),
        (("measure", "--adapter", "solver", "--replay", "x"), "--adapter"),
    ):
        assert words in one_line(in_process(*arguments, cwd=folder))


def test_adapters_are_listed(folder: Path) -> None:
    """Adapters of ./adapters and those that `run` takes; an adapter that does not load says why."""
    (folder / "adapters" / "bad.toml").write_text("x = 1")
    ran = in_process("list", "adapters", "--json", cwd=folder)
    entries = {entry["name"]: entry["works"] for entry in ran.json["entries"]}
    assert entries == {"bad": False, "gromacs": True, "hpcc": True, "lammps": True, "solver": True}
    names = {
        e["name"] for e in in_process("list", "workloads", "--json", cwd=folder).json["entries"]
    }
    assert {"gromacs", "hpcc", "lammps"} <= names


def test_a_flood_without_a_line_break_passes(folder: Path) -> None:
    """An output far beyond what is read, in one line, with every byte: all of it is handed on."""
    size = 40 << 20
    code = f"import sys; sys.stdout.buffer.write(bytes(range(256)) * {size // 256})"
    done = subprocess.run(
        command("measure", "--adapter", "solver", "--", sys.executable, "-c", code),
        cwd=folder,
        capture_output=True,
    )
    assert done.returncode == 0
    assert done.stdout == bytes(range(256)) * (size // 256)
    (run,) = (folder / "results").iterdir()
    assert "output-cut" in codes(json.loads((run / "run.json").read_text()))
