"""`energybench ab --baseline REF -- …`: a git revision against the working tree, for commands, and
for pytest test by test.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from energybench.gating.between_runs import KeptScatter
from energybench.store.layout import runs
from tests.cli.process import energybench, until
from tests.cli.revisions import (
    CODE,
    LONG,
    MORE,
    PYTEST,
    SHORT,
    TESTS,
    Project,
    children,
    running_in,
    started,
)
from tests.simulators import powercap_tree


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """Two commits: the second one does 30 % more work."""
    folder = tmp_path / "project"
    folder.mkdir()
    cache: Path = request.config.cache.mkdir("pytest-plugin")  # type: ignore[union-attr]
    zones = {"intel-rapl:0": ("package-0", 100_000_000_000)}
    counter = powercap_tree(tmp_path / "node", zones)["intel-rapl:0"]
    project = Project(folder, tmp_path / "node", counter, cache)
    project.git("init", "-q", "-b", "main")
    ini = "[pytest]\npythonpath = src\n"
    first = {
        "src/shop.py": CODE.format(energy_uj=500_000),
        "tests/test_shop.py": TESTS,
        "pytest.ini": ini,
    }
    project.commit(first, "before")
    project.commit({"src/shop.py": CODE.format(energy_uj=650_000)}, "after")
    return project


def test_thirty_percent_more_work_is_found(project: Project) -> None:
    """The code of the baseline is what runs on its side; the change is found, measured once more
    and confirmed, with exit code 1. Nothing of the user's is touched.
    """
    (project.folder / "tests" / "test_shop.py").write_text(MORE.format(n=2))
    project.git("stash", "push", "-q")
    project.git("stash", "apply", "-q")
    before = project.state
    words = ("--baseline", "before", "--fail", "5%", "--pairs", "3", "--")
    ran = project.ab(*words, *PYTEST, *LONG, "-k", "work")
    assert ran.code == 1, ran.err + ran.out
    assert "the 3 pairs of pytest will take about" in ran.err
    assert "B is the working tree as it is, with 1 changed file" in ran.err
    assert "1 test would fail (tests/test_shop.py::test_work); measuring once more" in ran.err
    assert "tests/test_shop.py::test_work: regressed: " in ran.out
    assert "; confirmed" in ran.out
    assert project.state == before
    assert project.left == []


def test_tests_of_one_side_and_tests_that_fail(project: Project) -> None:
    """Named, and no regression; the exit code of a test that fails is pytest's."""
    test = project.folder / "tests" / "test_shop.py"
    project.commit({"tests/test_shop.py": MORE.format(n=1)}, "third")
    test.write_text(MORE.format(n=2))
    ran = project.ab("--baseline", "third", "--pairs", "2", "--json", "--", *PYTEST, *SHORT)
    assert ran.code == 1, ran.err
    outcomes = {verdict["name"].split("::")[1]: verdict for verdict in ran.json}
    assert outcomes["test_work"]["evidence"] == "pairs"
    assert outcomes["test_renamed_2"]["reason"] == "the baseline has no such test"
    assert outcomes["test_breaks"]["reason"] == "not measured here: the test failed"
    assert "failed at the working tree: tests/test_shop.py::test_breaks" in ran.err
    assert "only at third" in ran.err
    assert "test_renamed_1" in ran.err


def test_one_suite_against_itself(project: Project) -> None:
    """--same of pytest compares test by test, and keeps the scatter for this machine."""
    ran = project.ab("--same", "--pairs", "2", "--", *PYTEST, *SHORT)
    assert ran.code == 0, ran.err
    assert "tests/test_shop.py::test_work: " in ran.out
    assert "tests/test_shop.py::test_work: " in ran.out
    assert " between 4 processes; it can hold a threshold of " in ran.out
    assert "smallest threshold that the suite can hold with 2 pairs: " in ran.out
    assert "kept for gates on one saved run" in ran.err
    assert not KeptScatter(project.folder / ".energybench").refusals
    assert len(list((project.folder / ".energybench" / "between-runs").iterdir())) == 1


def test_a_command_of_any_kind(project: Project) -> None:
    """The command runs in the worktree and here; each process is one repeat."""
    words = (
        sys.executable,
        "-S",
        "-c",
        "import sys; sys.path.insert(0, '.'); import shop; [shop.work() for _ in range(99)]",
    )
    ran = project.ab(
        *("--baseline", "before", "--pairs", "2", "--settle", "0", "--json"),
        *(
            "--root",
            str(project.root),
            "--out",
            str(project.folder.parent / "results"),
            "--",
            *words,
        ),
        folder=project.folder / "src",
    )
    assert ran.code == 0, ran.err
    comparison = json.loads(ran.out)
    assert comparison["energy_ratio"]["value"] < 1
    assert len(runs(project.folder.parent / "results")) == 2
    assert project.left == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_removes_the_worktree(project: Project, number: int) -> None:
    """Ctrl-C in the middle: 128 + N, and nothing is left."""
    before = project.state
    process = started(project, "--pairs", "1000", "--", *PYTEST, *SHORT)
    until(lambda: project.left and running_in(project.left[0]))
    process.send_signal(number)
    _, err = process.communicate(timeout=800)
    assert process.returncode == 128 + number, err
    assert project.left == []
    assert project.state == before
    assert "Traceback" not in err


def test_the_next_one_removes_the_worktree_of_a_killed_one(project: Project) -> None:
    """Not that of one that still runs."""
    before = project.state
    words = ("--out", str(project.folder.parent / "results"), "--", "sleep", "600")
    killed, running = started(project, *words), started(project, *words)
    until(lambda: len(project.left) == 2 and all(running_in(left) for left in project.left))
    (kept,) = (left for left in project.left if running_in(left)[0] in children(running.pid))
    of_killed = next(left for left in project.left if left != kept)
    orphans = running_in(of_killed)
    killed.kill()
    for pid in orphans:  # they hold its streams open
        os.kill(pid, signal.SIGKILL)
    killed.communicate()
    ran = project.ab("--baseline", "before", "--setup", "exit 3", "--", "true")
    assert ran.code == 2
    assert project.left == [kept]
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=800)
    assert project.left == []
    assert project.state == before


def test_a_package_that_is_installed_from_the_working_tree(project: Project) -> None:
    """An editable install points both sides into the user's tree: refused, with the remedy."""
    (project.folder / "pytest.ini").unlink()
    project.commit({}, "bare")
    packages = project.folder.parent / "packages"
    packages.mkdir()
    path = project.folder / "src"
    (packages / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(path)!r})\n")
    paths = os.pathsep.join((str(packages), project.environment["PYTHONPATH"]))
    ran = project.ab("--baseline", "HEAD", "--", *PYTEST, *SHORT, PYTHONPATH=paths)
    line = ran.err.splitlines()[-1]
    assert ran.code == 2, ran.err
    assert "the tests of the baseline import shop from " in line
    assert "project/src/shop.py, not from its worktree (give the baseline" in line
    assert "--setup" in line
    assert project.left == []
    # the same path in PYTHONPATH, in full, becomes that of the worktree
    paths = os.pathsep.join((str(path), project.environment["PYTHONPATH"]))
    same = project.ab("--baseline", "HEAD", "--pairs", "2", "--", *PYTEST, *SHORT, PYTHONPATH=paths)
    assert same.code == 0, same.err
    assert "both sides run the same code" in same.err


def test_what_is_not_there(project: Project) -> None:
    """Files that git does not track are named; a setup can make them, and its .venv comes first."""
    (project.folder / ".gitignore").write_text("tox.ini\n")
    (project.folder / "tox.ini").write_text("")
    (project.folder / "data.txt").write_text("")
    setup = (
        "test $(basename $PWD) = project && mkdir -p .venv/bin && cd .venv/bin && "
        "ln -s $(command -v true) python && "
        "printf '#!/bin/sh\\ntest $(basename $VIRTUAL_ENV) = .venv && exec t0' > t1 && chmod +x t1"
    )
    there = project.folder.parent / "bin"
    there.mkdir()
    (there / "t0").write_text(f"#!{sys.executable} -S\n{CODE.format(energy_uj=100)}\nwork()")
    (there / "t0").chmod(0o755)
    (there / "t1").symlink_to("t0")
    path = os.pathsep.join((str(there), os.environ["PATH"]))
    words = ("--pairs", "2", "--settle", "0", "--root", str(project.root), "--", "t1")
    ran = project.ab("--baseline", "before", "--setup", setup, *words, PATH=path)
    assert "does not track it: tox.ini, .gitignore, data.txt" in ran.err
    assert "no such program" not in ran.err
    assert "failed its check" not in ran.err
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--baseline", "nope", "--", *PYTEST), 2, "--baseline nope: is not a revision"),
        (("--baseline", "--help", "--", *PYTEST), 2, "is not a revision"),
        (("--baseline", "", "--", *PYTEST), 2, "is not a revision"),
        (("--baseline", "before", "--fail", "5", "--", *PYTEST), 2, "--fail: '5' is not a percent"),
        (("--baseline", "before", "--"), 2, "takes one command"),
        (("--baseline", "before", "--", "true", ":::", "true"), 2, "takes one command"),
        (("--baseline", "before", "--same", "--", "true"), 2, "exclude each other"),
        (("--setup", "true", "--", "true", ":::", "true"), 2, "with --baseline REF"),
        (("--baseline", "before", "--idle", "3", "--", *PYTEST), 2, "--idle: does nothing with"),
        (("--baseline", "before", "--", "no-such-program"), 2, "no such program at before"),
        (
            ("--baseline", "before", "--setup", "echo a; echo b >&2; exit 3", "--", *PYTEST),
            2,
            "--setup: ended with 3 at before",
        ),
        (("--baseline", "before", "--", *PYTEST, "-k", "nothing"), 5, "pytest ended with 5"),
        (("--baseline", "before", "--", *PYTEST, "--no-such-option"), 4, "unrecognized arguments"),
        (("--baseline", "before", "--", *PYTEST, "--benchmark-energy-windows=0"), 4, "from 1 to"),
    ],
)
def test_mistakes_are_one_line(
    project: Project, words: tuple[str, ...], code: int, text: str
) -> None:
    """And leave no worktree."""
    ran = project.ab(*words)
    lines = [line for line in ran.err.splitlines() if "energybench: A is" not in line]
    assert ran.code == code, ran.err
    assert len(lines) == 1, ran.err
    assert text in lines[0]
    if "--setup" in text:
        assert lines[0].endswith(": a / b")
    assert project.left == []


def test_a_folder_without_git(tmp_path: Path) -> None:
    ran = energybench("ab", "--baseline", "HEAD", "--", "true", cwd=tmp_path)
    assert ran.code == 2
    assert "is not in a working tree of git" in ran.err
    assert ran.err.count("\n") == 1


def test_a_baseline_without_the_tests(project: Project) -> None:
    """No failure: each test is named, with pytest's own words."""
    new = project.folder / "tests" / "test_new.py"
    new.write_text(TESTS)
    ran = project.ab(
        "--baseline", "after", "--fail", "5%", "--", *PYTEST, *SHORT, "tests/test_new.py"
    )
    assert ran.code == 0, ran.err
    assert "tests/test_new.py::test_work: no baseline: the baseline has no such test" in ran.out
    assert "): pytest ended with 4: " in ran.err
    assert project.left == []
