"""`energybench study WORKLOAD NAME`: cells, ratios, claims; a failure is a result; a study that was
cut off is resumed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Ran, command, energybench, in_process, one_line, until
from tests.cli.study_plugin import install

pytestmark = pytest.mark.xdist_group("study")  # one study, which the module's tests share

QUICK = ("--idle", "0", "--max-warm-up", "1")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("plugin"))


def run(tmp: Path, env: dict[str, str], *arguments: str) -> Ran:
    return energybench("study", "naps", "--json", *QUICK, *arguments, cwd=tmp, env=env)


def runs_of(found: Any) -> dict[str, Any]:
    """Of the first cell, by variant."""
    return {run["variant"]: run for run in found["cells"][0]["runs"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("whole")
    ran = energybench(
        "study",
        "naps",
        "grid",
        "--json",
        "--idle",
        "0.5",
        "--max-warm-up",
        "1",
        cwd=folder,
        env=env,
    )
    assert ran.code == 0, ran.err
    return folder, ran.json


def test_one_document_with_every_cell(whole: tuple[Path, Any]) -> None:
    """Each variant with time, energy, memory and check; each against the first, as pairs; idle
    once; a run directory each.
    """
    folder, result = whole
    assert (result["schema"], result["kind"]) == ("energybench-study/1", "study")
    assert [cell["cell"]["key"] for cell in result["cells"]] == ["nap 0.04", "nap 0.06"]
    for cell in result["cells"]:
        assert [run["state"] for run in cell["runs"]] == ["measured", "measured"]
        (ratio,) = cell["ratios"]
        assert ratio["variant"] == "short"
        assert ratio["speedup"]["low"] <= ratio["speedup"]["value"] <= ratio["speedup"]["high"]
        assert ratio["paired"] == 3
        assert ratio["memory_ratio"]["value"] == 2
        for ran in cell["runs"]:
            assert ran["time_s"]["value"] > 0.01
            assert ran["energy_j"]["value"] > 0
            assert ran["verification"][0]["passed"]
            assert (folder / "results" / result["id"] / "runs" / ran["run"] / "run.json").is_file()
    assert result["idle_power_w"]["value"] > 0
    assert (
        len(list((folder / "results" / result["id"] / "runs").iterdir())) == 5
    )  # idle, and two cells of two


def test_the_claim_stands_beside_what_was_measured(whole: tuple[Path, Any]) -> None:
    """With outcome, reason, the deciding interval and its cell; a busy machine may make it too wide
    to tell.
    """
    (tested,) = whole[1]["claims"]
    assert tested["held"] in ("confirmed", "not confirmed", "not testable here")
    assert tested["tested"] == 2
    assert "short" in tested["cell"]
    assert "published on a bed" in tested["why"]
    assert tested["measured"]["low"] <= tested["measured"]["high"]


def test_the_same_command_again_measures_nothing_again(
    whole: tuple[Path, Any], env: dict[str, str]
) -> None:
    """Same --out, same plan: the finished cells are kept, to the last digit, and that is said."""
    folder, result = whole
    again = energybench(
        "study",
        "naps",
        "grid",
        "--json",
        "--idle",
        "0.5",
        "--max-warm-up",
        "1",
        cwd=folder,
        env=env,
    )
    assert again.code == 0, again.err
    assert again.json == result
    assert "2 of 2 cells were measured before" in again.err


@pytest.mark.parametrize("form", ["html", "markdown", "terminal", "json"])
def test_every_report_takes_a_study(
    whole: tuple[Path, Any], env: dict[str, str], form: str
) -> None:
    folder, result = whole
    for what in (f"results/{result['id']}", f"results/{result['id']}/study.json", "results")[
        : 1 if form == "html" else 3
    ]:
        ran = in_process("report", what, "--format", form, cwd=folder)
        assert ran.code == 0, ran.err
        assert "nap 0.06" in ran.out


def test_what_befalls_a_variant_is_its_result(tmp_path: Path, env: dict[str, str]) -> None:
    """Does not fit (foretold, or met), not here, dead, wrong: each said with its reason, in no
    ratio, and none costs another. Exit code 1.
    """
    names = "long,huge,greedy,foreign,mortal,wrong,short"
    ran = run(tmp_path, env, "grid", "--set", f"variants={names}", "--set", "length=0.02")
    assert ran.code == 1, ran.err
    assert "Traceback" not in ran.err
    result = runs_of(ran.json)
    states = {
        "long": "measured",
        "huge": "does-not-fit",
        "greedy": "does-not-fit",
        "foreign": "absent",
        "mortal": "failed",
        "wrong": "check-failed",
    }
    assert {name: run["state"] for name, run in result.items()} == {**states, "short": "measured"}
    assert "9000 beds" in result["huge"]["why"]
    assert "signal 9" in result["mortal"]["why"]
    assert "rested" in result["wrong"]["why"]
    assert [ratio["variant"] for ratio in ran.json["cells"][0]["ratios"]] == ["short"]
    assert not [
        path
        for path in (tmp_path / "results" / ran.json["id"] / "runs").iterdir()
        if path.name.startswith(".")
    ]


def test_a_baseline_that_does_not_fit_leaves_the_others_measured(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """No ratio, and no failure either: that eager does not fit where a fused kernel does is what a
    study is to find.
    """
    ran = run(tmp_path, env, "grid", "--set", "variants=huge,short", "--set", "length=0.02")
    assert ran.code == 0, ran.err
    assert {name: run["state"] for name, run in runs_of(ran.json).items()} == {
        "huge": "does-not-fit",
        "short": "measured",
    }
    assert ran.json["cells"][0]["ratios"] == []
    assert ran.json["claims"][0]["held"] == "not testable here"


LONG = ("grid", "--set", "length=0.05,0.06,0.07,0.08")


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGINT])
def test_half_a_study_is_gone_on_with(
    tmp_path: Path, env: dict[str, str], killed: signal.Signals
) -> None:
    """Finished cells stay as they are, the rest is measured; no run is left over that the index
    does not name.
    """
    first = subprocess.Popen(
        command("study", "naps", "--json", *QUICK, *LONG),
        cwd=tmp_path,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    index = wait_for_cells(tmp_path, 2)
    os.kill(first.pid, killed)
    _, err = first.communicate(timeout=800)
    assert first.returncode == (130 if killed == signal.SIGINT else -killed), err
    contents = json.loads(index.read_text())
    assert 2 <= len(contents["cells"]) < 4
    if killed == signal.SIGINT:
        assert f"--resume {index.parent.relative_to(tmp_path)}" in err
        ran = run(tmp_path, env, "--resume", str(index.parent))
    else:
        ran = run(tmp_path, env, *LONG)
    assert ran.code == 0, ran.err
    result = ran.json
    assert [cell["cell"]["key"] for cell in result["cells"]] == [
        "nap 0.05",
        "nap 0.06",
        "nap 0.07",
        "nap 0.08",
    ]
    finished = [
        cell
        for cell in contents["cells"]
        if all(run["state"] == "measured" for run in cell["runs"])
    ]
    assert result["cells"][: len(finished)] == finished
    assert all(run["state"] == "measured" for cell in result["cells"] for run in cell["runs"])
    named = {run["run"] for cell in result["cells"] for run in cell["runs"]}
    assert {path.name for path in (index.parent / "runs").iterdir()} == named


def test_a_study_goes_on_on_its_machine_under_whatever_name(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """The same node under another host name goes on; another node of the same host name is refused
    in one line.
    """
    arguments = ("grid", "--set", "length=0.02", "--set", "variants=short")
    assert run(tmp_path, env, *arguments).code == 0
    (index,) = tmp_path.glob("results/study_*/study.json")
    study = json.loads(index.read_text())
    assert study["host"]["ids"]

    study["host"]["name"] = "job-4d1f"
    index.write_text(json.dumps(study))
    assert run(tmp_path, env, "--resume", str(index.parent)).code == 0

    elsewhere = [f"{name.partition(':')[0]}:0123456789abcdef" for name in study["host"]["ids"]]
    study["host"]["ids"] = elsewhere
    index.write_text(json.dumps(study))
    refusal = one_line(run(tmp_path, env, "--resume", str(index.parent)))
    assert "was begun on another machine, job-4d1f" in refusal


def test_a_study_cut_off_before_its_first_cell_keeps_the_idle_power(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """A line says how to go on, and there is a study to go on with."""
    long = (
        "study",
        "naps",
        "grid",
        "--max-warm-up",
        "1",
        "--set",
        "length=20",
        "--set",
        "variants=long",
        "--idle",
        "0.5",
    )
    first = subprocess.Popen(
        command(*long),
        cwd=tmp_path,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    index = wait_for_cells(tmp_path, 0)
    idle = json.loads(index.read_text())["idle_power_w"]
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=800)
    assert first.returncode == 130
    assert err.splitlines()[-1] == (
        "energybench: SIGINT came before the first cell; the idle power was measured "
        f"(--resume {index.parent.relative_to(tmp_path)} goes on)"
    )
    assert json.loads(index.read_text())["idle_power_w"] == idle
    assert in_process("report", str(index.parent), cwd=tmp_path).code == 0


def wait_for_cells(folder: Path, count: int) -> Path:
    """The index of the study that is being measured, once it holds so many cells."""

    def index() -> Path | None:
        for index in folder.glob("results/study_*/study.json"):
            if len(json.loads(index.read_text())["cells"]) >= count:
                return index
        return None

    return until(index)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "study naps: does not name a study (have: grid;"),
        (["nightmare"], "study nightmare: naps does not offer a study of this name (have: grid)"),
        (["grid", "--variant", "a=1"], "--variant"),
        (["grid", "--device", "cpu", "--device", "node"], "a study runs on one device"),
        (
            ["--resume", "nowhere", "--repeats", "2", "--set", "a=1"],
            "--set a, --repeats: the plan of",
        ),
        (["--resume", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, env: dict[str, str], arguments: list[str], says: str
) -> None:
    """Exit code 2, one line, no directory."""
    assert says in one_line(energybench("study", "naps", *arguments, cwd=tmp_path, env=env))
    assert not list(tmp_path.iterdir())


def test_studies_are_listed_with_their_questions(tmp_path: Path, env: dict[str, str]) -> None:
    """`list studies` names workload and study as the command wants them; a study command without a
    name leads there.
    """
    entries = energybench("list", "studies", "--json", cwd=tmp_path, env=env).json["entries"]
    questions = {entry["name"]: entry["about"] for entry in entries}
    assert questions["naps grid"] == "how much longer a long nap is"
    assert {"sdpa kernel", "sdpa model", "dpsgd cost"} <= set(questions)
    refusal = one_line(energybench("study", "naps", cwd=tmp_path, env=env))
    assert "have: grid" in refusal
    assert "energybench list studies" in refusal


def test_a_workload_without_studies_says_so(tmp_path: Path) -> None:
    for arguments in (("study", "milc"), ("study", "milc", "kernel")):
        assert "milc does not offer any" in one_line(energybench(*arguments, cwd=tmp_path))
