"""Ranks whose program cannot be started leave nothing behind, at once; a node of such ranks beside
others is named with the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.cluster.test_unread_ranks import SOCKET, environment, results, without_launcher
from tests.simulators.slurm import Cluster
from tests.simulators.trees import live_node


def ranks(folder: Path, programs: list[list[str]], variables: list[dict[str, str]]) -> list[int]:
    """Exit codes of ranks that run side by side."""
    words = [sys.executable, "-m", "energybench", "rank", "--root", str(folder / "machine")]
    words += ["--label", "app", "--out", "store", "--"]
    with live_node(folder / "machine", SOCKET):
        started = [
            subprocess.Popen([*words, *program], env=own, cwd=folder)
            for program, own in zip(programs, variables, strict=True)
        ]
        return [rank.wait(60) for rank in started]


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("program", ["./nope", "./not-executable"])
def test_a_launch_without_a_program_leaves_nothing(
    tmp_path: Path, program: str, number: int
) -> None:
    """And a second launch of the same name, with a program, is measured."""
    (tmp_path / "not-executable").write_text("")
    own = [environment(tmp_path, number, i) for i in range(number)]
    codes = ranks(tmp_path, [[program]] * number, own)
    assert codes == [127 if program == "./nope" else 126] * number
    assert list((tmp_path / "store").iterdir()) == []
    assert ranks(tmp_path, [["sleep", "0.3"]] * number, own) == [0] * number
    (folder,) = (tmp_path / "store").iterdir()
    assert len(list(folder.glob(f"node-*/{RUN}"))) == 1


def test_without_a_launcher_nothing_is_left(tmp_path: Path) -> None:
    assert ranks(tmp_path, [["./nope"]], [without_launcher()]) == [127]
    assert list((tmp_path / "store").iterdir()) == []


def test_a_rank_without_a_program_beside_another_rank(tmp_path: Path) -> None:
    """The node is measured, and the exit status of the rank is a failed check."""
    own = [environment(tmp_path, 2, i) for i in range(2)]
    assert ranks(tmp_path, [["./nope"], ["sleep", "0.5"]], own) == [127, 0]
    (folder,) = (tmp_path / "store").iterdir()
    recover = [sys.executable, "-m", "energybench", "recover", str(folder)]
    subprocess.run(recover, env=without_launcher(), check=True, capture_output=True, timeout=60)
    (document,) = results(tmp_path / "store")
    assert "verification-failed" in {doubt["code"] for doubt in document["doubts"]}


@pytest.mark.slurm
def test_srun_of_a_program_that_does_not_exist(slurm: Cluster) -> None:
    """On one node and on two; a node of which only the other runs is named with the reason."""
    job = slurm.sbatch(
        "srun -N1 -n2 energybench rank --out one ./nope\n"
        "srun -N2 -n2 energybench rank --out two ./nope\n"
        'srun -N2 -n2 sh -c \'[ "$SLURM_NODEID" = 0 ] && exec energybench rank --label app --out '
        "part -- sleep 1; exec energybench rank --label app --out part -- ./nope'\n"
        "for store in one two part; do energybench recover $store; echo code $?; done\n",
        nodes=2,
        ntasks=4,
    ).wait()
    for name in ("one", "two"):
        assert os.listdir(job.folder / name) == [], job.output
    assert job.output.count("code 0") == 3, job.output
    (path,) = (job.folder / "part").glob(f"[!.]*/{RUN}")
    document = json.loads(path.read_text())
    states = {share["node"]: share["state"] for share in document["shares"]}
    assert sorted(states.values()) == ["measured", "missing"]
    messages = [doubt["message"] for doubt in document["doubts"]]
    assert any("none of its ranks could start its program" in text for text in messages), messages
    assert not list((job.folder / "part").glob(f"{PARTIAL}*"))
