"""Names of jobs in a bundle with pseudonyms: number, cluster and nodes, in every place and form."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from energybench.measuring.session import ranges
from energybench.model import Job
from energybench.proof.checking import check
from energybench.proof.job_names import learn_job
from energybench.proof.learning import replaced
from energybench.proof.pseudonyms import Pseudonyms
from energybench.store.job_files import recover_job
from energybench.store.layout import RUN
from energybench.store.rank_job import ensure_rank_job, rank_job_folder
from tests.cli.process import in_process
from tests.simulators.job_directory import Node, finished_job, host, write_part

CLUSTERS = ("frontier", "frontier2", "lumi-g", "big_iron__3", "a.b.c4", "x9", "7", None)
NUMBERS = ("5", "45", "456", "4567", "87654321", "123456789", "12_3", "5_0", "12+1", "5+1")


def named(job: Job) -> Pseudonyms:
    names = Pseudonyms(b"salt" * 8)
    learn_job(job, names)
    return names


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_job_has_one_pseudonym_in_every_form(number: str, cluster: str | None) -> None:
    """The field of the number, the names of directories and a sentence agree."""
    job = Job(launcher="slurm", cluster=cluster, id=number, restart=2, step="5")
    names = named(job)
    hidden = replaced(job, names)
    assert re.fullmatch(r"job-[0-9a-f]{10}", hidden.id)
    assert (hidden.cluster is None) == (cluster is None)
    assert hidden.cluster is None or re.fullmatch(r"cluster-[0-9a-f]{10}", hidden.cluster)
    assert (hidden.step, hidden.restart) == ("5", 2)
    for label in ("adas", "adas_4", "45"):
        folder = rank_job_folder(Path(), label, job, "step-0").name
        assert names.text(folder).endswith(f"_{hidden.name}_step-0")
    assert names.text(f"it is a part of {job.key}, of job {number}: no") == (
        f"it is a part of {hidden.key}, of job {hidden.id}: no"
    )
    assert names.text(f"slurm-{number}.out") == f"slurm-{hidden.id}.out"
    assert names.remaining(f"adas_{job.name}_step-0") is not None


@pytest.mark.parametrize("number", ["5", "45", "12_3"])
def test_a_short_number_elsewhere_stays(number: str) -> None:
    """Another job, another quantity, a part of a name: only the job's number is replaced."""
    job = Job(launcher="slurm", cluster="frontier2", id=number)
    names = named(job)
    for text in ("frontierx-7-r0", "1 of 45 nodes", "5 J", "job 6", "gpu5", "12 W", "0.45", "x-45"):
        assert names.text(text) == text


def test_parts_of_one_job_are_named_by_the_job_too() -> None:
    """The number of an array, or of a heterogeneous job, without the task or component."""
    for number in ("120_4", "120+1"):
        names = named(Job(launcher="slurm", cluster="x1", id=number))
        for text in ("job 120", "slurm-120.out", "x1-120-r0", "jobid=120", "--jobs=120.0"):
            assert "120" not in names.text(text)


def rank_job(store: Path, job: Job, nodes: dict[str, Node]) -> None:
    """A launch of `energybench rank`, merged by `recover`."""
    folder = rank_job_folder(store, f"of job {job.id}", job, "step-0")
    first = next(iter(nodes))
    ensure_rank_job(
        folder,
        label=f"of job {job.id}",
        command=("./app", f"--log=slurm-{job.id}.out"),
        boundary="compute",
        own_job=job,
        nodes=tuple(nodes),
        host=host(first, nodes[first]),
    )
    for name, node in nodes.items():
        write_part(folder, name, node, ((2.0, 6.0),), job)
    recover_job(folder, ranges())


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def jobs_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object that is a job."""
    if isinstance(value, dict):
        if "launcher" in value:
            yield value
        for item in value.values():
            yield from jobs_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from jobs_in(item)


def documents(name: str, content: bytes, scratch: Path) -> Iterator[Any]:
    """The JSON values in a file, and the cells of a table as values of their columns."""
    if name.endswith((".json", ".jsonl")):
        text = content.decode()
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            yield from (json.loads(line) for line in text.splitlines())
    elif name.endswith(".csv"):
        yield from csv.DictReader(io.StringIO(content.decode()))
    elif name.endswith(".parquet"):
        scratch.write_bytes(content)
        metadata = pq.read_metadata(scratch).metadata
        yield [
            json.loads(line)
            for key, blob in metadata.items()
            if key != b"ARROW:schema"
            for line in blob.decode().splitlines()
            if line.startswith("{")
        ]


def left(text: str, job: Job, nodes: dict[str, Node]) -> list[str]:
    """The names that still stand in a text."""
    word = r"(?<![A-Za-z0-9.]){}(?![A-Za-z0-9])"
    originals = [name for name in (job.cluster, *nodes) if name is not None]
    numbers = {job.id or "", (job.id or "").replace("+", "_")}
    return [
        *(name for name in originals if re.search(word.format(re.escape(name)), text)),
        *(number for number in numbers if re.search(rf"\W{re.escape(number)}-r\d", text)),
        *(number for number in numbers if re.search(rf"job\W?_?{re.escape(number)}\b", text)),
        *(number for number in numbers if re.search(rf"slurm-{re.escape(number)}\b", text)),
    ]


@pytest.mark.parametrize(
    ("cluster", "number", "node"),
    [
        ("frontier2", "45", "nid001"),
        ("frontier2", "5", "1001"),
        ("lumi-g_2", "12_3", "gpu1"),
        ("a.b4", "12+1", "rack-2.n3"),
        ("x9", "87654321", "c5"),
        (None, "5_0", "n45"),
    ],
)
def test_no_name_of_a_job_is_left(
    tmp_path: Path, cluster: str | None, number: str, node: str
) -> None:
    """In names of files, JSON, tables and the metadata of samples; and the bundle is verified."""
    job = Job(launcher="slurm", cluster=cluster, id=number, nodes=2, node_names=f"{node},zz77")
    nodes = {node: Node(), "zz77": Node(busy_w=250.0)}
    store = tmp_path / "results"
    finished_job(store, nodes, job=job)
    rank_job(store, job, nodes)
    assert len(list(store.glob(f"*/{RUN}"))) == 2
    ran = in_process("bundle", "results", "--redact", "--out", "x.zip", cwd=tmp_path)
    assert ran.code == 0, ran.err
    with zipfile.ZipFile(tmp_path / "x.zip") as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    kinds = set()
    for name, content in members.items():
        assert not left(name, job, nodes), name
        for value in documents(name, content, tmp_path / "one.parquet"):
            kinds.add(Path(name).suffix)
            assert [text for text in strings(value) if left(text, job, nodes)] == [], name
            for entry in jobs_in(value):
                assert entry.get("id") != number
                assert entry.get("cluster") != cluster or cluster is None
    assert kinds == {".json", ".jsonl", ".csv", ".parquet"}
    found = check(tmp_path / "x.zip", ranges())
    assert found.outcome == "verified", found.findings
