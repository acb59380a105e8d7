"""Jobs of several nodes in a bundle: made again from their nodes, and these from their samples."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench.proof.proof import Proof
from energybench.store.layout import PARQUET
from tests.cli.process import in_process
from tests.proof.forging import rebuilt
from tests.simulators.job_directory import JOB, Node, finished_job

TWO = {"alpha1": Node(), "beta2": Node(busy_w=250.0, clock_s=5000.0, gpus=2)}


def proof_of(folder: Path, *more: str) -> Proof:
    ran = in_process("bundle", "results", "--out", "job.zip", *more, cwd=folder)
    assert ran.code == 0, ran.err
    return check(folder / "job.zip", ranges())


@pytest.mark.parametrize("redact", [(), ("--redact",)])
def test_a_job_is_made_again_from_its_nodes(tmp_path: Path, redact: tuple[str, ...]) -> None:
    """With pseudonyms too, which no longer hold a name of a node or the number of the job."""
    finished_job(tmp_path / "results", TWO)
    found = proof_of(tmp_path, *redact)
    assert found.outcome == "verified", found.findings
    assert any("merged from 2 nodes, each from its samples" in words for words in found.checked)
    with zipfile.ZipFile(tmp_path / "job.zip") as opened:
        text = "".join(
            f"{name} {opened.read(name).decode('latin-1')}" for name in opened.namelist()
        )
    for name in ("alpha1", "beta2"):
        assert (name in text) == (not redact)
    assert (f"-{JOB.id}-r" in text) == (not redact)
    assert bool(re.search(r"node-host-[0-9a-f]{10}/", text)) == bool(redact)


def test_a_job_without_all_of_its_nodes(tmp_path: Path) -> None:
    """The nodes that were read in part, or not at all, are as in the result."""
    nodes = {**TWO, "gamma3": Node(ends_s=4.0), "delta4": Node(finished=False)}
    finished_job(tmp_path / "results", nodes, ((2.0, 7.0),))
    found = proof_of(tmp_path)
    assert found.outcome == "verified", found.findings


def test_a_node_without_samples_is_named(tmp_path: Path) -> None:
    """Its stored result is merged, and the outcome says that nobody can check it."""
    job = finished_job(tmp_path / "results", TWO)
    (job / "node-beta2" / PARQUET).unlink()
    found = proof_of(tmp_path)
    assert (found.outcome, found.missing) == ("incomplete", ("samples",)), found.findings
    assert any("node-beta2" in words for words in found.not_checked)


def test_a_result_that_its_nodes_do_not_give(tmp_path: Path) -> None:
    """A job whose number was changed, and whose nodes were not."""
    job = finished_job(tmp_path / "results", TWO)
    text = (job / "run.json").read_text()
    changed = re.sub(r'("covered_s": )([0-9.]+)', r"\g<1>0.5", text, count=1)
    assert changed != text
    (job / "run.json").write_text(changed)
    found = proof_of(tmp_path)
    assert found.outcome == "differs"
    assert any("shares[0].covered_s" in finding.what for finding in found.findings)


def test_nodes_that_exchanged_their_folders_are_found(tmp_path: Path) -> None:
    """The folder of a node has the id of its run."""
    finished_job(tmp_path / "results", TWO)
    assert proof_of(tmp_path).outcome == "verified"

    def exchanged(folder: Path) -> None:
        (job,) = (folder / "runs").iterdir()
        for old, new in (("alpha1", "aside"), ("beta2", "alpha1"), ("aside", "beta2")):
            (job / f"node-{old}").rename(job / f"node-{new}")

    found = check(rebuilt(tmp_path / "job.zip", tmp_path, exchanged, sums=True), ranges())
    assert found.outcome == "differs"
    renamed = [finding.place for finding in found.findings if "was renamed" in finding.what]
    assert [Path(place).name for place in renamed] == ["node-alpha1", "node-beta2"]
