"""A training in several commands, by a checkpoint: what is measured is what is trained, no step
twice, none beyond the budget.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.plugin import install
from tests.cli.process import Ran, command, energybench, in_process, one_line, until, with_env

QUICK = ("--idle", "0", "--min-window", "0", "--max-warm-up", "1")
SMALL: Mapping[str, Mapping[str, str]] = {
    "dpsgd": {"batch": "16", "physical": "16", "examples": "200", "held": "20"},
    # the measuring side alone: it counts steps in a file; deepcam's own is in
    # test_deepcam_workload.py
    "tally": {},
}


pytestmark = pytest.mark.xdist_group("checkpoint")  # one real training, which its tests share


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("plugin"))


def run(workload: str, *more: str, **settings: str) -> tuple[str, ...]:
    stated = [
        part
        for key, value in {**SMALL[workload], "checkpoint": "ck", **settings}.items()
        for part in ("--set", f"{key}={value}")
    ]
    return ("run", workload, *stated, *QUICK, *more)


def steps(file: Path) -> int:
    try:
        return int(file.read_text())
    except ValueError:  # torch's own
        import torch

        return int(torch.load(file, weights_only=True)["step"])


def worked(folder: Path) -> int:
    """Repeats whose work is in the record of the run that is being measured."""
    logs = (folder / "results").glob(".partial-*/windows.jsonl")
    return sum(log.read_text().count('"work":{') for log in logs)


def span(ran: Ran) -> tuple[float, float]:
    progress: Any = ran.json["record"]["progress"]
    return progress["first"], progress["last"]


def goes_on(ran: Ran, folder: Path, begun: int) -> None:
    """Two repeats of two steps: four steps in record and file, whatever the warm-up did."""
    assert span(ran) == (begun, begun + 4)
    assert steps(folder / "ck") == begun + 4
    assert [path.name for path in folder.glob("ck*")] == ["ck"]


def adds_up(folder: Path, env: dict[str, str]) -> None:
    text = in_process("report", "results", "--format", "terminal", cwd=folder).out
    assert "over steps" in text
    assert "no sum" not in text


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> tuple[Path, Ran]:
    """A command of two repeats of two steps of the real training, which starts for many seconds."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = run("dpsgd", "--steps", "2", "--repeats", "2", "--json")
    return folder, energybench(*arguments, cwd=folder, env=env)


def test_every_repeat_trains_on_and_the_warm_up_does_not(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Commands of two repeats go on from each other; their energies add up."""
    arguments = run("tally", "--steps", "2", "--repeats", "2", "--json")
    for begun in (0, 4):
        goes_on(energybench(*arguments, cwd=tmp_path, env=env), tmp_path, begun)
    adds_up(tmp_path, env)


def test_the_real_training_trains_on(trained: tuple[Path, Ran], env: dict[str, str]) -> None:
    """The same of dpsgd, with a checkpoint of torch."""
    folder, ran = trained
    goes_on(ran, folder, 0)
    adds_up(folder, env)


def test_a_budget_ends_the_repeats_and_what_they_measured_stays(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Five steps in runs of two: three repeats, the last of one step; then there is nothing left to
    do.
    """
    arguments = run("tally", "--steps", "2", total="5")
    ran = energybench(*arguments, "--json", cwd=tmp_path, env=env)
    assert span(ran) == (0, 5)
    assert steps(tmp_path / "ck") == 5
    assert [repeat["work"]["amount"] for repeat in ran.json["repeats"]] == [2, 2, 1]
    assert "finished" in {doubt["code"] for doubt in ran.json["doubts"]}
    assert "holds 5 steps, these are done" in one_line(
        energybench(*arguments, cwd=tmp_path, env=env)
    )
    assert steps(tmp_path / "ck") == 5


def test_a_time_limit_costs_the_repeat_that_was_on(tmp_path: Path, env: dict[str, str]) -> None:
    """SIGTERM in the middle: the record ends where the last whole repeat did, the next command goes
    on from the file.
    """
    arguments = run("tally", "--steps", "30", "--repeats")
    ran = subprocess.Popen(
        command(*arguments, "1000"),
        cwd=tmp_path,
        env=with_env(env),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    # the first repeat is checked, the second done
    until(lambda: (tmp_path / "ck").exists() and steps(tmp_path / "ck") >= 60)
    ran.send_signal(signal.SIGTERM)
    assert ran.wait(280) == 128 + signal.SIGTERM
    saved = steps(tmp_path / "ck")
    begun, measured = span(in_process("report", "results", "--format", "json", cwd=tmp_path))
    assert begun == 0
    assert saved - measured in (0, 30)
    assert saved % 30 == 0
    assert span(energybench(*arguments, "1", "--json", cwd=tmp_path, env=env)) == (
        saved,
        saved + 30,
    )


def test_a_signal_in_the_check_of_what_is_saved_leaves_no_step_unstated(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """The second repeat is in the file when the signal comes, and its check takes four seconds: the
    record has its steps, and the remedy is to go on.
    """
    ran = subprocess.Popen(
        command(*run("tally", "--repeats", "9", "--json", check="4")),
        cwd=tmp_path,
        env=with_env(env),
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: worked(tmp_path) >= 2)
    ran.send_signal(signal.SIGTERM)
    out, _ = ran.communicate(timeout=800)
    assert ran.returncode == 128 + signal.SIGTERM
    result = json.loads(out)
    assert result["record"]["progress"]["last"] == steps(tmp_path / "ck") == 4
    (doubt,) = [doubt for doubt in result["doubts"] if doubt["code"] == "interrupted"]
    assert "may hold" not in doubt["message"]
    assert "not checked" not in doubt["message"]
    assert "goes on from ck" in doubt["remedy"]


def test_a_killed_run_says_that_the_file_may_be_further(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """SIGKILL of the measuring side: what is recovered names the file that the training goes on
    from, which may hold a repeat that no record has.
    """
    ran = subprocess.Popen(
        command(*run("tally", "--steps", "30", "--repeats", "99")),
        cwd=tmp_path,
        env=with_env(env),
        stderr=subprocess.DEVNULL,
    )
    until(lambda: (tmp_path / "ck").exists() and steps(tmp_path / "ck") >= 90)
    ran.kill()
    ran.wait(280)
    (cut,) = (tmp_path / "results").glob(".partial-*")
    result = in_process("recover", str(cut), "--json", cwd=tmp_path).json
    (doubt,) = [doubt for doubt in result["doubts"] if doubt["code"] == "checkpoint-beyond"]
    assert "ck may hold steps beyond those that are stated here" in doubt["message"]
    assert result["record"]["progress"]["last"] <= steps(tmp_path / "ck")


def test_a_training_that_diverges_leaves_its_checkpoint_whole(
    tmp_path: Path, env: dict[str, str], trained: tuple[Path, Ran]
) -> None:
    """What was trained before it stays; the next command says the same in one line, and writes
    nothing.
    """
    import torch

    wild = run("dpsgd", "--steps", "2")
    shutil.copy(trained[0] / "ck", tmp_path / "ck")

    state = torch.load(tmp_path / "ck", weights_only=True)
    state["network"] = {
        name: value * 1e30 if value.dtype == torch.float32 else value
        for name, value in state["network"].items()
    }
    torch.save(state, tmp_path / "ck")
    before = (tmp_path / "ck").read_bytes()
    ran = energybench(*wild, "--repeats", "1", cwd=tmp_path, env=env)
    assert (
        "diverged by step 5: its loss or weights are not numbers; ck stays at step 4"
        in one_line(ran)
    )
    assert (tmp_path / "ck").read_bytes() == before


def test_two_variants_do_not_share_a_file(tmp_path: Path, env: dict[str, str]) -> None:
    two = ("--variant", "steps=2", "--variant", "steps=3")
    ran = energybench(*run("tally", "--repeats", "2", *two), cwd=tmp_path, env=env)
    assert "two variants go on in the same file" in one_line(ran)
    assert not (tmp_path / "ck").exists()
