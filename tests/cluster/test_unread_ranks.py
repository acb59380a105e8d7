"""Ranks of a launch that nobody reads, and launches that share a name: said, and never silent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.simulators.trees import live_node

SOCKET = {"intel-rapl:0": {"name": "package-0", "watts": 60}}


def results(store: Path) -> list[Any]:
    return [json.loads(file.read_text()) for file in sorted(store.glob(f"[!.]*/{RUN}"))]


def without_launcher() -> dict[str, str]:
    named = ("SLURM", "OMPI", "PMI", "MPI", "TORCH", "RANK", "LOCAL_", "WORLD_", "MASTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(named)}


def environment(folder: Path, ranks: int, number: int = 0) -> dict[str, str]:
    """The environment of one rank among several ranks that mpirun started on this node."""
    kept = without_launcher()
    own = {"SIZE": ranks, "LOCAL_SIZE": ranks, "RANK": number, "LOCAL_RANK": number}
    mpi = {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in own.items()}
    # the whole path: a launch of the same name in another process of the suite has another reader
    return kept | mpi | {"PMIX_NAMESPACE": str(folder)}


def launched(folder: Path, ranks: int, *words: str) -> subprocess.CompletedProcess[str]:
    """`energybench rank` as rank 0 of some ranks of mpirun, of which no other joins."""
    return subprocess.run(
        [sys.executable, "-m", "energybench", *words],
        env=environment(folder, ranks),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def rank(folder: Path, ranks: int, *options: str) -> subprocess.CompletedProcess[str]:
    words = ("--root", str(folder / "machine"), "--out", "store", *options)
    return launched(folder, ranks, "rank", *words, "--", "sleep", "0.3")


def side_by_side(
    folder: Path, scripts: Sequence[str], environments: Sequence[dict[str, str]]
) -> list[str]:
    """What each script of the shell, each a rank of its own, writes to standard error."""
    with live_node(folder / "machine", SOCKET):
        ranks = [
            subprocess.Popen(
                ["sh", "-c", script],
                env=variables,
                cwd=folder,
                stderr=subprocess.PIPE,
                text=True,
            )
            for script, variables in zip(scripts, environments, strict=True)
        ]
        return [rank.communicate(timeout=120)[1] for rank in ranks]


@pytest.mark.parametrize(("ranks", "doubted"), [(1, False), (3, True)])
def test_ranks_without_a_reader_are_doubted(tmp_path: Path, ranks: int, doubted: bool) -> None:
    """`srun --multi-prog` with `energybench rank` in some lines: the others may run longer."""
    with live_node(tmp_path / "machine", SOCKET):
        done = rank(tmp_path, ranks)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
    launched(tmp_path, 1, "recover", str(folder))
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    doubts = {each["code"]: each["message"] for each in json.loads(file.read_text())["doubts"]}
    assert ("ranks-unread" in doubts) is doubted
    if doubted:
        assert "2 of 3 ranks" in doubts["ranks-unread"]


def test_a_second_run_in_a_step_needs_a_label(tmp_path: Path) -> None:
    """Before and after the first is recovered. The program runs, and one line says what to do."""
    with live_node(tmp_path / "machine", SOCKET):
        rank(tmp_path, 1)
        second = rank(tmp_path, 1)
        (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
        launched(tmp_path, 1, "recover", str(folder))
        third = rank(tmp_path, 1)
        labelled = rank(tmp_path, 1, "--label", "again")
    for refused in (second, third):
        assert refused.returncode == 0
        (line,) = refused.stderr.splitlines()
        assert "not measured" in line
        assert "--label NAME" in line
    assert "not measured" not in labelled.stderr


def test_a_second_run_beside_a_slower_rank_needs_a_label(tmp_path: Path) -> None:
    """The first rank still runs, and the reader with it: the second run of the other rank is no
    rank of the first run. With a label it has a result of its own.
    """
    flag = tmp_path / "over"
    own = f"{sys.executable} -m energybench rank --root {tmp_path / 'machine'} --out store"
    scripts = (
        f"{own} -- sh -c 'while [ ! -e {flag} ]; do sleep 0.1; done'",
        f"{own} -- sleep 0.3; {own} -- sh -c 'exit 5'; echo code $? >&2; touch {flag}",
    )
    environments = [environment(tmp_path, 2, number) for number in range(2)]
    first, second = side_by_side(tmp_path, scripts, environments)
    (line, code) = second.splitlines()
    assert code == "code 5"
    assert "not measured" in line
    assert "--label NAME" in line
    assert "not measured" not in first
    (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
    launched(tmp_path, 2, "recover", str(folder))
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    document = json.loads(file.read_text())
    # of the ranks of the first run alone
    (check,) = document["verification"]
    assert (check["quantity"], check["value"]) == ("exit status", 0)


def test_a_second_run_before_a_slower_rank_has_begun_needs_a_label(tmp_path: Path) -> None:
    """The slower rank is a rank of the first run all the same."""
    flag = tmp_path / "over"
    own = f"{sys.executable} -m energybench rank --root {tmp_path / 'machine'} --out store"
    scripts = (
        f"while [ ! -e {flag} ]; do sleep 0.1; done; {own} -- sh -c 'exit 3'",
        f"{own} -- sleep 0.3; {own} -- true; touch {flag}",
    )
    environments = [environment(tmp_path, 2, number) for number in range(2)]
    slower, faster = side_by_side(tmp_path, scripts, environments)
    (line,) = faster.splitlines()
    assert "not measured" in line
    assert "--label NAME" in line
    assert "not measured" not in slower
    (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
    launched(tmp_path, 2, "recover", str(folder))
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    document = json.loads(file.read_text())
    assert "ranks-unread" not in {doubt["code"] for doubt in document["doubts"]}
    (check,) = document["verification"]
    assert (check["quantity"], check["value"]) == ("exit status", 3)


@pytest.mark.parametrize("runs", [2, 3])
def test_runs_of_all_ranks_in_turn_need_a_label_each(tmp_path: Path, runs: int) -> None:
    """Whichever moment of its end the reader is in when the next run begins."""
    own = f"{sys.executable} -m energybench rank --root {tmp_path / 'machine'} --out store"
    script = "; ".join([f"{own} -- sleep 0.3"] * runs)
    environments = [environment(tmp_path, 2, number) for number in range(2)]
    said = [text.splitlines() for text in side_by_side(tmp_path, [script] * 2, environments)]
    refused = [line for lines in said for line in lines if "not measured" in line]
    assert len(refused) == 2 * (runs - 1), said
    assert all("--label NAME" in line for line in refused), said


def test_a_late_rank_of_a_script_is_one_of_its_launch(tmp_path: Path) -> None:
    """The script says how many ranks there are, and not how many on this node."""
    ended, late = tmp_path / "ended", tmp_path / "late"
    own = f"{sys.executable} -m energybench rank --label B --out store"
    own += f" --root {tmp_path / 'machine'} --"

    def until(flag: Path) -> str:
        return f"while [ ! -e {flag} ]; do sleep 0.1; done"

    scripts = (
        f"{own} sh -c '{until(late)}'",
        f"{own} true; touch {ended}",
        f"{until(ended)}; {own} sh -c 'touch {late}; exit 7'",
    )
    kept = without_launcher()
    kept |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "WORLD_SIZE": "3"}
    environments = [kept | {"RANK": str(number), "LOCAL_RANK": str(number)} for number in range(3)]
    said = side_by_side(tmp_path, scripts, environments)
    assert not [words for words in said if "not measured" in words], said
    (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
    (part,) = folder.glob(f"node-*/{RUN}")
    (check,) = json.loads(part.read_text())["verification"]
    assert check["value"] == 7
    # whether the three ranks were on one node or on three is not known, and is said
    launched(tmp_path, 1, "recover", str(folder))
    (document,) = results(tmp_path / "store")
    doubts = [each for each in document["doubts"] if each["code"] == "node-missing"]
    assert len(doubts) == 2
    assert all("LOCAL_WORLD_SIZE" in each["remedy"] for each in doubts)


def test_a_rank_without_a_launcher_has_a_whole_result(tmp_path: Path) -> None:
    """Nothing is left to be merged, and a second one at the same time is none of its ranks."""
    own = f"{sys.executable} -m energybench rank --out store --root {tmp_path / 'machine'}"
    wait = f"touch $0; while [ ! -e {tmp_path}/a -o ! -e {tmp_path}/b ]; do sleep 0.1; done"
    with live_node(tmp_path / "machine", SOCKET):
        ranks = [
            subprocess.Popen(
                ["sh", "-c", f"{own} --label {name} -- sh -c '{wait}' {tmp_path / name}"],
                env=without_launcher(),
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in "ab"
        ]
        said = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert all("the result is in" in words and "recover" not in words for words in said), said
    assert not [*(tmp_path / "store").glob(f"{PARTIAL}*")]
    found = results(tmp_path / "store")
    assert sorted(each["label"] for each in found) == ["a", "b"]
    for document in found:
        assert document["energy_j"]["value"] > 0
        assert document.get("job") is None


IN_JOB = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_JOB_NODELIST": "n1",
}


@pytest.mark.parametrize("is_program", [True, False])
@pytest.mark.parametrize(
    ("variables", "doubted"),
    [
        ({}, True),  # on a log-in node: srun makes a job of its own
        (IN_JOB, True),  # the shell of salloc on a log-in node
        ({**IN_JOB, "SLURMD_NODENAME": "n1"}, False),  # the batch script: srun stays on this node
    ],
)
def test_a_rank_that_starts_work_on_nodes_beyond_is_doubted(
    tmp_path: Path, variables: dict[str, str], doubted: bool, is_program: bool
) -> None:
    srun = shutil.copy("/bin/sleep", tmp_path / "srun")
    program = [srun, "1"] if is_program else ["sh", "-c", f"{srun} 1; true"]
    if variables:  # a job of its own for each test: equal jobs on this host share a reader
        variables = {**variables, "SLURM_CLUSTER_NAME": f"{os.getpid()}-{tmp_path.name}"}
    words = ("--root", str(tmp_path / "machine"), "--out", "store", "--label", "B")
    start = [sys.executable, "-m", "energybench"]
    with live_node(tmp_path / "machine", SOCKET):
        done = subprocess.run(
            [*start, "rank", *words, "--", *program],
            env=without_launcher() | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    for folder in (tmp_path / "store").glob(f"{PARTIAL}*"):
        launched(tmp_path, 1, "recover", str(folder))
    (document,) = results(tmp_path / "store")
    doubts = [each["message"] for each in document["doubts"] if each["code"] == "nodes-unread"]
    assert len(doubts) == doubted, document["doubts"]
    assert all("srun" in message and "outside the job" in message for message in doubts)
