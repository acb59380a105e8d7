"""The example project and its files for GitHub Actions and GitLab CI do what the docs say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import typer

from energybench.cli.main import app
from energybench.gating.history import History
from tests.cli.process import energybench
from tests.pytest_plugin import ci_files
from tests.pytest_plugin.runs import WATTS, Finished, Pytest
from tests.pytest_plugin.spending import add_copies
from tests.simulators import powercap_tree

# Short windows: the promise is not about lengths. The fail-safe timeout of the outer pytest and its
# plugins are not the project's.
SHORT = (
    "-p no:cacheprovider -p known_machine --benchmark-energy-min-time=0.1 "
    "--benchmark-energy-windows=3 --benchmark-max-time=0.05 --benchmark-min-rounds=2"
)
NAMES = ("test_count", "test_most_common", "test_more_text_costs_more")
PAGES = [ci_files.EXAMPLE / "README.md", ci_files.ROOT / "docs/ci.md"]
SLOW = """
import time
from collections import Counter

def count(text):
    time.sleep(0.2)
    return Counter(text.split())

def most_common(text, n=10):
    return count(text).most_common(n)
"""


@pytest.fixture
def project(newest: Pytest) -> Pytest:
    """A copy of the example, on a node of known power."""
    shutil.copytree(ci_files.EXAMPLE, newest.folder, dirs_exist_ok=True)
    return newest


def run(project: Pytest, block: str, **environment: str) -> Finished:
    return ci_files.shell(project, block, {"PYTEST_ADDOPTS": SHORT, **environment})


def test_the_three_commands_of_the_readme(project: Pytest) -> None:
    """The first session joins the history; against five of its kind a slow word count fails the
    second; the third prints the energies of the file. Energies are power times time.
    """
    readme = (project.folder / "README.md").read_text()
    saving, judging, printing, *_ = re.findall(r"^ {4}((?:pytest|energybench) .*)$", readme, re.M)
    saved = run(project, saving)
    assert saved.code == 0, saved.out
    history = History(project.folder / ".energybench")
    (session,) = history.sessions()
    assert [record.name.split("::")[1].split()[0] for record in session.tests] == [
        *NAMES,
        NAMES[2],
    ]
    add_copies(history, 4)

    (project.folder / "wordcount.py").write_text(SLOW)
    slow = run(project, judging)
    assert slow.code == 1, slow.out
    for name in NAMES[:2]:
        failed = [line for line in slow.lines if line.startswith("FAILED") and f"::{name}" in line]
        # among the verdicts, and in pytest's own list of failures
        assert ["energy gate: " in line for line in failed].count(True) == 1
        (verdict,) = [line for line in failed if "energy gate: " not in line]
        assert "5 saved sessions" in verdict
        assert name in slow.properties
    shutil.copy(project.folder / "energy.json", project.folder / "out.json")
    for name, record in slow.energies.items():
        stats = slow.benchmarks[name]["stats"]
        value_j, time_s = record["energy_j"][0], record["time_s"][0]
        assert time_s > 0.2
        assert value_j == pytest.approx(WATTS * time_s, rel=0.02)
        assert float(slow.properties[name]["energy_j"]) == stats["energy_j"] == value_j

    printed = run(project, printing)
    assert printed.code == 0, printed.out
    rows = [line for line in printed.lines if line.startswith("| tests/")]
    assert len(rows) == 2


def test_one_saved_run_of_the_readme(project: Pytest) -> None:
    """A JSON that pytest-benchmark saved is a baseline, and fails the build when asked to."""
    readme = (project.folder / "README.md").read_text()
    saving, judging = re.findall(r"^ {4}(pytest .*)$", readme, re.M)[2:]
    saved = run(project, saving)
    assert saved.code == 0, saved.out
    (project.folder / "wordcount.py").write_text(SLOW)
    slow = run(project, judging)
    assert slow.code == 1, slow.out
    failed = [line for line in slow.lines if line.startswith("FAILED")]
    assert any("::test_count: regressed" in line and "saved run" in line for line in failed)


def test_steps_of_github_run(project: Pytest) -> None:
    """Every step that needs no network runs on simulated sensors: main makes history, the summary
    names every test, and the files for other tools hold them. The job in a container asks its own
    sensors, and has no other command.
    """
    summary = project.folder.parent / "summary.md"
    environment = {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_STEP_SUMMARY": str(summary),
        "ENERGYBENCH_HOST_ID": "runner-7",
    }
    ran = []
    for step in ci_files.github_steps("measure"):
        if ci_files.runnable([step["run"]]):
            finished = run(project, step["run"], **environment)
            assert finished.code == 0, finished.out
            ran.append(step["name"])
    assert ran == ["Sensors", "Measure", "Summary"]
    (session,) = History(project.folder / ".energybench").sessions()
    assert session.tests[0].host.ids[0].startswith("stated:")
    page = summary.read_text()
    assert all(test.name.split("::")[1].replace("_", "&#95;") in page for test in session.tests)
    entries = json.loads((project.folder / "action-benchmark.json").read_text())
    assert {entry["name"] for entry in entries} == {test.name for test in session.tests}
    assert (project.folder / "metrics.txt").read_text().endswith("# EOF\n")

    beside = {step["name"]: step["run"] for step in ci_files.github_steps("measure")}
    inside = {step["name"]: step["run"] for step in ci_files.github_steps("measure-in-container")}
    assert list(inside) == list(beside)
    assert inside["Measure"] == beside["Measure"]
    assert inside["Summary"] in beside["Summary"].splitlines()
    sensors = run(project, inside["Sensors"], **environment)
    assert sensors.code == 0, sensors.out


def test_script_of_gitlab_runs(project: Pytest) -> None:
    """The script runs on simulated sensors as for a merge request, whose first session has no
    baseline; it leaves every artefact and report that the file names. The job in a container has
    the same commands.
    """
    content, inside = map(ci_files.gitlab_job, ("energy", "energy-in-container"))
    assert all(inside[key] == content[key] for key in ("before_script", "script", "artifacts"))
    lines = ci_files.runnable([*content["before_script"], *content["script"]])
    gate = content["rules"][0]["variables"]["GATE"]
    finished = run(project, "\n".join(lines), GATE=gate, CI_RUNNER_ID="7")
    assert finished.code == 0, finished.out
    assert finished.out.count("no baseline") == 4
    reports = content["artifacts"]["reports"]
    for name in (*content["artifacts"]["paths"], reports["junit"], reports["metrics"]):
        assert (project.folder / name).stat().st_size > 0
    assert (project.folder / content["cache"]["paths"][0]).is_dir()


def test_a_gate_that_fails_ends_the_script_of_gitlab_with_its_code(project: Pytest) -> None:
    """The summaries are written all the same."""
    (project.folder / "tests/test_wordcount.py").write_text(
        "import pytest\nimport time\n\n\n@pytest.mark.energy(max_j=1e-6)\n"
        "def test_it(benchmark):\n    benchmark(time.sleep, 0.01)\n"
    )
    script = ci_files.gitlab_job("energy")["script"]
    finished = run(project, "\n".join(script), GATE="--benchmark-energy-fail=5%")
    assert finished.code == 1, finished.out
    assert "FAILED tests/test_wordcount.py::test_it: over limit" in finished.out
    assert "test" in (project.folder / "energy.md").read_text()


def texts() -> list[str]:
    """The blocks of both files, and the pages of docs."""
    return [*ci_files.blocks(), *(page.read_text() for page in PAGES)]


def test_every_command_parses() -> None:
    """Every `energybench` command of the files and the pages is one that the command line takes."""
    command = typer.main.get_command(app)
    quoted = [code for page in PAGES for code in re.findall(r"`([^`\n]+)`", page.read_text())]
    words = [
        words for text in (*texts(), *quoted) for words in ci_files.commands(text, "energybench")
    ]
    assert len(words) > 10
    for arguments in words:
        context = command.make_context("energybench", ["doctor"])
        group, rest = command, [word for word in arguments if word != "…"]
        while hasattr(group, "resolve_command"):
            _, group, rest = group.resolve_command(context, rest)
            assert group is not None, arguments
        group.make_context(arguments[0], rest, parent=context)


def test_every_option_of_pytest_exists(newest: Pytest) -> None:
    """Every option of `pytest` in the files and the pages is one that pytest knows."""
    known = newest.run("--help").out
    options = {
        word.partition("=")[0]
        for text in texts()
        for words in ci_files.commands(text, "pytest")
        for word in words
        if word.startswith("--")
    }
    assert "--benchmark-energy-fail" in options
    assert not [option for option in options if not re.search(rf"{option}\b", known)]


def test_jobs_hang_together() -> None:
    """A job that reads artefacts needs the job that writes them; every cache that a job saves is
    restored by it as well; and only the branch main saves sessions.
    """
    jobs = ci_files.load(ci_files.GITHUB)["jobs"]
    for job in ("measure", "measure-in-container"):
        steps = {step["name"]: step for step in jobs[job]["steps"] if "name" in step}
        restored = steps["Saved sessions of this machine"]["with"]
        saved = steps["Save the sessions"]
        assert saved["with"]["path"] == restored["path"] == ".energybench"
        assert saved["with"]["key"].startswith(restored["restore-keys"])
        assert "refs/heads/main" in saved["if"]
    uploads = [
        step["with"] for step in jobs["measure"]["steps"] if "upload" in step.get("uses", "")
    ]
    charts = " ".join(str(step) for step in jobs["charts"]["steps"])
    assert jobs["charts"]["needs"] == "measure"
    assert uploads[0]["name"] in charts
    assert all(name in uploads[0]["path"] for name in ("action-benchmark.json", "bencher.json"))
    rules = ci_files.load(ci_files.GITLAB)[".energy"]["rules"]
    assert [rule["variables"]["SESSIONS"] for rule in rules] == ["pull", "pull-push"]


def quoted(page: str, word: str) -> list[str]:
    """The lines of the block of `text` in which a word stands; each energy as N J."""
    (block,) = [text for text in re.findall(r"```text\n(.*?)```", page, re.S) if word in text]
    return [without_numbers(line) for line in block.splitlines()]


def without_numbers(line: str) -> str:
    return re.sub(r" +[\d.]+ J", " N J", line)


@pytest.mark.parametrize("word", ["masked", "sensors that work"])
def test_the_page_quotes_what_doctor_prints_in_a_container(
    word: str, root: Path, tmp_path: Path
) -> None:
    """Once with the masks of a container engine, and once with the folders of the machine."""
    if word == "masked":
        powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1), "intel-rapl:0:0": ("dram", 1)})
        shutil.rmtree(tmp_path / "sys/devices/virtual/powercap")
        (tmp_path / ".dockerenv").touch()
        root = tmp_path
    printed = energybench("doctor", "--root", str(root), cwd=tmp_path).out.replace(str(root), "")
    lines = [without_numbers(line) for line in printed.splitlines()]
    wanted = quoted((ci_files.ROOT / "docs/ci.md").read_text(), word)
    at = lines.index(wanted[0])
    assert lines[at : at + len(wanted)] == wanted
