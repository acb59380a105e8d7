"""Fields that no reader takes over, and stamps, which every reader makes anew, are compared too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench.proof.proof import Proof
from energybench.store.embedded import document_text
from energybench.store.packed_results import with_results
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results
from tests.proof.forging import edit, rebuilt


def proof(path: Path) -> Proof:
    return check(path, ranges())


def other_words(result: Any) -> None:
    assert result["stamps"]
    for stamp in result["stamps"]:
        stamp["words"] = "measured on the machine"


def without_stamps(result: Any) -> None:
    del result["stamps"]


def more_inside(result: Any) -> None:
    result["doubts"][0]["weight"] = 0


CHANGES = {
    "none": lambda result: result.update(stamps=[]),
    "gone": without_stamps,
    "words": other_words,
    "another": lambda result: result["stamps"].append({"code": "audited", "words": "audited"}),
    "unknown": lambda result: result.update(verified_by="an authority"),
    "inside": more_inside,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("file", ["run.json", "comparison.json"])
def test_stamps_and_fields_of_a_bundle(
    results: Results, tmp_path: Path, file: str, change: Callable[[Any], None]
) -> None:
    """A forger makes the sums anew; the finding names the file and the field."""
    result = proof(rebuilt(results.numbers, tmp_path, edit(file, change), sums=True))
    assert result.outcome == "differs"
    assert any(
        file.removesuffix(".json") in finding.place
        and any(word in finding.what for word in ("stamps", "verified_by", "weight"))
        for finding in result.findings
    ), result.findings


def test_an_unknown_field_of_the_manifest(results: Results, tmp_path: Path) -> None:
    change = edit("manifest.json", lambda manifest: manifest.update(verified_by="an authority"))
    result = proof(rebuilt(results.numbers, tmp_path, change, sums=True))
    assert result.outcome == "differs"
    assert [finding.place for finding in result.findings] == ["manifest.json"]


def test_fields_of_another_version(results: Results, tmp_path: Path) -> None:
    """A later version adds fields."""

    def later(folder: Path) -> None:
        edit("manifest.json", lambda manifest: manifest.update(energybench="99.0", more=1))(folder)
        edit("comparison.json", CHANGES["unknown"])(folder)

    result = proof(rebuilt(results.numbers, tmp_path, later, sums=True))
    assert result.outcome == "differs-by-version"
    places = {finding.place for finding in result.findings}
    assert places >= {"manifest.json", "results/comparison.json"}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(("version", "expected"), [("", "differs"), ("99.0", "by-version")])
def test_a_document_of_a_bundle(
    results: Results,
    tmp_path: Path,
    version: str,
    expected: str,
    change: Callable[[Any], None],
) -> None:
    """A document names the version that wrote it."""
    words = ("report", "results", "comparison.json", "--format", "json", "--date", DATE)
    document = json.loads(in_process(*words, cwd=results.folder).out)
    document["version"] = version or document["version"]
    (comparison,) = [one for one in document["results"] if one["kind"] == "comparison"]
    change(comparison)
    (tmp_path / "report.json").write_text(json.dumps(document))
    files = (str(results.folder / "results"), "--document", "report.json", "--out", "new.zip")
    assert in_process("bundle", *files, cwd=tmp_path).code == 0
    result = proof(tmp_path / "new.zip")
    named = [
        finding.by_version
        for finding in result.findings
        if any(word in finding.what for word in ("stamps", "verified_by", "weight"))
        and finding.what.startswith(("the field", "results["))
    ]
    assert named
    assert set(named) == {expected == "by-version"}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_page_alone(results: Results, tmp_path: Path, change: Callable[[Any], None]) -> None:
    """The document inside a page."""
    page = (results.folder / "page.html").read_bytes()
    text = document_text(page, "page.html")
    assert text is not None
    document = with_results(json.loads(text), "page.html")
    (comparison,) = [one for one in document["results"] if one["kind"] == "comparison"]
    change(comparison)
    block = b'<script type="application/json" id="results">%s</script>'
    changed = block % json.dumps(document).replace("<", "\\u003c").encode()
    old = re.compile(rb'<script type="application/(?:json|gzip)" id="results">[^<]*</script>')
    (tmp_path / "page.html").write_bytes(old.sub(lambda _: changed, page))
    result = proof(tmp_path / "page.html")
    assert result.outcome == "differs"
    words = ("results[2].stamps", "the field verified_by", "the field doubts[].weight")
    assert any(finding.what.startswith(words) for finding in result.findings), result.findings
