"""All fields of the doubts of a result are made again, or compared with the record of the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from energybench.measuring.session import ranges
from energybench.model import Doubt
from energybench.proof.checking import check
from energybench.proof.differences import of_doubts
from energybench.proof.proof import Proof
from energybench.store.layout import PARQUET
from tests.cli.process import in_process
from tests.proof.conftest import Results
from tests.proof.forging import Change, edit, rebuilt
from tests.simulators.job_directory import Node, finished_job

FORGED = {
    "message": "measured by a certified meter of the node",
    "remedy": "none is needed",
    "about": ["other"],
    "subject": "other",
}


def proof(path: Path) -> Proof:
    return check(path, ranges())


def of_code(pattern: str, code: str, **fields: Any) -> Change:
    """Change the doubts with the given code, in every JSON file with the given name that states
    such a doubt.
    """

    def change(folder: Path) -> None:
        changed = 0
        for path in sorted(folder.rglob(pattern)):
            result = json.loads(path.read_text())
            alike = [doubt for doubt in result["doubts"] if doubt["code"] == code]
            for doubt in alike:
                doubt.update(fields)
            path.write_text(json.dumps(result, indent=1))
            changed += len(alike)
        assert changed

    return change


def with_another(result: Any) -> None:
    """A doubt that neither the analysis nor the record of the run has."""
    words = "the meter was certified: its error is below 0.1 %"
    result["doubts"].append(
        {"code": "sensor-note", "message": words, "remedy": "-", "about": [], "subject": ""}
    )


# "replayed" is recorded when a run is measured; the analysis makes the others.
@pytest.mark.parametrize("field", sorted(FORGED))
@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("run.json", "replayed"),
        ("run.json", "memory-modelled"),
        ("comparison.json", "replayed"),
        ("comparison.json", "one-node"),
    ],
)
def test_a_changed_field_of_a_doubt(
    results: Results, tmp_path: Path, file: str, code: str, field: str
) -> None:
    """Message, remedy, origin and subject, of doubts that were measured or computed."""
    change = of_code(file, code, **{field: FORGED[field]})
    result = proof(rebuilt(results.numbers, tmp_path, change, sums=True))
    assert result.outcome == "differs"
    assert any(f"doubt {code}" in finding.what for finding in result.findings), result.findings


@pytest.mark.parametrize("file", ["run.json", "comparison.json"])
@pytest.mark.parametrize("change", [with_another, lambda result: result["doubts"].pop()])
def test_a_doubt_too_many_or_too_few(
    results: Results, tmp_path: Path, file: str, change: Callable[[Any], None]
) -> None:
    result = proof(rebuilt(results.numbers, tmp_path, edit(file, change), sums=True))
    assert result.outcome == "differs"


def test_words_of_another_version(results: Results, tmp_path: Path) -> None:
    """Another version words a doubt otherwise: this is not a forgery."""

    def older(folder: Path) -> None:
        edit("manifest.json", lambda m: m.update(energybench="0.0.1"))(folder)
        of_code("run.json", "memory-modelled", message="memory was modelled")(folder)
        (folder / "results/comparison.json").unlink()  # its digest is that of the honest run
        shutil.rmtree(folder / "tables")

    result = proof(rebuilt(results.numbers, tmp_path, older, sums=True))
    assert result.outcome == "differs-by-version"


def test_the_record_in_the_samples_counts(results: Results, tmp_path: Path) -> None:
    """A doubt that was recorded while the run was measured is that of the samples' file."""

    def change(folder: Path) -> None:
        path = sorted(folder.rglob(PARQUET))[0]
        table, footer = pq.read_table(path), dict(pq.read_metadata(path).metadata)
        (key,) = [key for key, text in footer.items() if b'"replayed"' in text]
        old, new = b"replayed", b"recovered"
        footer[key] = footer[key].replace(b'"code":"' + old, b'"code":"' + new)
        pq.write_table(table.replace_schema_metadata(footer), path)

    result = proof(rebuilt(results.numbers, tmp_path, change, sums=True))
    assert result.outcome == "differs"
    words = " ".join(finding.what for finding in result.findings)
    assert "doubt replayed" in words
    assert "doubt recovered" in words


# ---------------------------------------------------------------- jobs


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("", of_code("run.json", "node-clock", message=FORGED["message"])),
        ("", of_code("run.json", "node-clock", remedy=FORGED["remedy"])),
        ("node-alpha1", edit("run.json", with_another)),
        ("node-alpha1", edit("run.json", lambda run: run["channels"][0].update(samples=7))),
    ],
)
def test_words_of_a_job_and_of_its_nodes(tmp_path: Path, place: str, change: Change) -> None:
    """The doubts of the job, and the results of its nodes."""
    nodes = {"alpha1": Node(), "beta2": Node(wrong_s=100.0)}
    job = finished_job(tmp_path / "results", nodes)

    def verified() -> Proof:
        ran = in_process("bundle", "results", "--out", "job.zip", cwd=tmp_path)
        assert ran.code == 0, ran.err
        return proof(tmp_path / "job.zip")

    assert verified().outcome == "verified", verified().findings
    change(job / place)
    result = verified()
    assert result.outcome == "differs"
    assert any(finding.place.endswith(place or job.name) for finding in result.findings)


# ---------------------------------------------------------------- doubts alone


def doubt(code: Any, message: str, subject: str = "") -> Doubt:
    return Doubt(code=code, message=message, remedy="repeat the run", subject=subject)


def test_doubts_of_one_code_and_subject_are_paired() -> None:
    """Two doubts of one code stay two; equal ones differ in nothing, in any order."""
    first, second = doubt("other-load", "a was at work"), doubt("other-load", "b was at work")
    assert not list(of_doubts([second, first], [first, second]))
    assert [one.field for one in of_doubts([first], [first, second])] == ["doubt other-load"]
    assert [one.field for one in of_doubts([first, first], [first, second])] == [
        "doubt other-load: message"
    ]


def test_words_from_data_that_nobody_kept() -> None:
    """Only the words may differ then: a doubt may not be missing."""
    stated, again = doubt("clock-drift", "by 3 %", "gpu0"), doubt("clock-drift", "by 4 %", "gpu0")
    assert not list(of_doubts([stated], [again], ["clock-drift"]))
    assert not list(of_doubts([stated], [], ["clock-drift"]))
    assert list(of_doubts([], [again], ["clock-drift"]))
    assert list(of_doubts([stated], [again]))
