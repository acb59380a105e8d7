"""A bundle is verified as it was made, and any change is found."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.proof import archive, manifest
from energybench.proof.checking import check
from energybench.proof.proof import Proof
from energybench.store.layout import PARQUET
from tests.cli.process import in_process, one_line
from tests.proof.conftest import Results
from tests.proof.forging import Change, edit, rebuilt, replace, unpacked


def proof(path: Path) -> Proof:
    return check(path, ranges())


def outcome(path: Path) -> str:
    """The outcome; a refused file has its one line."""
    try:
        return proof(path).outcome
    except BadInput as why:
        return str(why)


def narrower(run: Any) -> None:
    """An interval that is narrower by a ten-thousandth, in a number that no other one follows."""
    estimate = run["net_energy_j"]
    estimate["low"] += 1e-4 * (estimate["value"] - estimate["low"])


def a_jump(folder: Path) -> None:
    """All sensors count a little more in the middle of the run."""
    path = sorted(folder.rglob(PARQUET))[0]
    table, footer = pq.read_table(path), pq.read_metadata(path).metadata
    counts = table.column("raw").to_pylist()
    middle = len(counts) // 2
    counts[middle:] = [None if count is None else count + 10_000_000 for count in counts[middle:]]
    number = table.schema.get_field_index("raw")
    field = table.schema.field(number)
    changed = table.set_column(number, field, pa.array(counts, type=field.type))
    pq.write_table(changed.replace_schema_metadata(footer), path)


def added(name: str) -> Change:
    """Add a file that no bundle has."""

    def apply(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("ten times better")

    return apply


# ---------------------------------------------------------------- whole


def test_a_bundle_is_verified(results: Results) -> None:
    """Runs from their samples, the comparison from the runs, page and tables as they were."""
    found = proof(results.bundle)
    assert found.outcome == "verified", found.findings
    words = "\n".join(found.checked)
    for run in results.runs:
        assert f"runs/{run.name}: energies, times, powers and their intervals" in words
    assert "results/comparison.json: comparison of" in words
    assert "documents/page.html: its text is what its document gives" in words
    assert "tables/csv.csv: is what the results give" in words
    assert not found.redacted


def test_the_same_input_gives_the_same_bytes(results: Results) -> None:
    """With the same date; another date gives other bytes."""
    folder = results.folder
    assert in_process("bundle", *results.wanted, "--out", "again.zip", cwd=folder).code == 0
    assert (folder / "again.zip").read_bytes() == results.bundle.read_bytes()
    other = ("results", "comparison.json", "--date", "2026-11-30", "--out", "other.zip")
    assert in_process("bundle", *other, cwd=folder).code == 0
    assert (folder / "other.zip").read_bytes() != results.numbers.read_bytes()
    assert proof(folder / "other.zip").outcome == "verified"


def test_a_page_alone_is_verified(results: Results) -> None:
    """Its text against its own document; what needs samples is named."""
    found = proof(results.folder / "page.html")
    assert (found.outcome, found.missing) == ("text-only", ("samples",)), found.findings
    assert any("needs the samples" in words for words in found.not_checked)


def test_the_sums_are_those_of_sha256sum(results: Results, tmp_path: Path) -> None:
    """A person checks an unpacked bundle without energybench."""
    opened = unpacked(results.bundle, tmp_path / "bundle")
    lines = (opened.folder / manifest.SUMS).read_text().splitlines()
    assert len(lines) == len(opened.names) - 1
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((opened.folder / name).read_bytes()).hexdigest() == digest


# ---------------------------------------------------------------- changed


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (edit("run.json", narrower), "runs/"),
        (edit("run.json", lambda run: run.update(doubts=[])), "runs/"),
        (edit("run.json", lambda run: run.update(label="other")), "documents/page.html"),
        (edit("comparison.json", lambda c: c.update(verdict="equivalent")), "results/"),
        (edit("comparison.json", lambda c: c["digests"][0][0].update(sha256="0")), "results/"),
        (replace("page.html", "<h1>", "<h1>Ten times better: "), "documents/page.html"),
        (replace("page.html", "</script>", ";alert(1)</script>"), "documents/page.html"),
        (replace("page.html", "<main>", "<!-- more --><main>"), "documents/page.html"),
        (replace("csv.csv", "kind", "sort"), "tables/csv.csv"),
        (a_jump, "runs/"),
        (added("README.txt"), "README.txt"),
        (added("runs/x/notes.txt"), "runs/x/notes.txt"),
        (added("publication/logo.svg"), "publication/logo.svg"),
    ],
)
def test_a_forger_who_makes_the_sums_anew(
    results: Results, tmp_path: Path, change: Change, place: str
) -> None:
    """Numbers, doubts, verdicts and text do not fit the samples, and exit code 1 says where."""
    bundle = results.bundle if place.startswith("documents/") else results.numbers
    ran = in_process("verify", str(rebuilt(bundle, tmp_path, change, sums=True)), cwd=tmp_path)
    assert ran.code == 1
    assert "differs, and is not verified" in ran.out
    assert f"\n  differs: {place}" in ran.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit("manifest.json", lambda m: m.update(python="3.99")), "SHA-256 differs"),
        (replace("SHA256SUMS", "manifest.json", "manifest.jso"), "was added"),
        (replace("SHA256SUMS", "  runs", "   runs"), ""),
        (lambda folder: (folder / "more.txt").write_text("x"), "it was added"),
        (lambda folder: (folder / "tables/csv.csv").unlink(), "is missing"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "is missing"),
        (lambda folder: next(folder.rglob("samples.parquet")).unlink(), "is missing"),
        (edit("run.json", narrower), "SHA-256 differs"),
    ],
)
def test_files_that_the_sums_do_not_fit(
    results: Results, tmp_path: Path, change: Change, words: str
) -> None:
    """A changed, added or missing file, the manifest and the sums themselves."""
    found = proof(rebuilt(results.numbers, tmp_path, change, sums=False))
    assert found.outcome == "differs"
    assert any(words in finding.what for finding in found.findings), found.findings


def test_no_flipped_byte_is_verified(results: Results, tmp_path: Path) -> None:
    """Of content, checksums, names, dates and fields that ZIP readers pass over."""
    content = results.bundle.read_bytes()
    random_ = random.Random(7)
    end = len(content) - 1200  # of the directory and of the last files
    places = [random_.randrange(len(content)) for _ in range(40)]
    places += [random_.randrange(end, len(content)) for _ in range(40)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << random_.randrange(8)
        (tmp_path / "flipped.zip").write_bytes(changed)
        assert outcome(tmp_path / "flipped.zip") != "verified", place


def test_another_version(results: Results, tmp_path: Path) -> None:
    """Numbers that another version made are listed as such, with exit code 0, and not verified."""

    def older(folder: Path) -> None:
        edit("manifest.json", lambda m: m.update(energybench="0.0.1"))(folder)
        edit("run.json", narrower)(folder)
        (folder / "results/comparison.json").unlink()
        shutil.rmtree(folder / "tables")

    path = rebuilt(results.numbers, tmp_path, older, sums=True)
    found = proof(path)
    assert found.outcome == "differs-by-version"
    assert all(finding.by_version for finding in found.findings)
    ran = in_process("verify", str(path), cwd=tmp_path)
    assert ran.code == 0
    assert "differs by version, and is not verified" in ran.out
    assert "pip install energybench==0.0.1" in ran.out


def drawn_by(version: str, *more: tuple[str, str]) -> Callable[[str], str]:
    """The page as another version of altair would have drawn it, and further changes."""

    def changed(page: str) -> str:
        assert 'content="altair ' in page
        page = re.sub(r'content="altair [^,"]*', f'content="altair {version}', page)
        for old, new in more:
            assert old in page
            page = page.replace(old, new, 1)
        return page

    return changed


_CHART = ('"mark":{"type":"bar"', '"mark":{"cornerRadius":0,"type":"bar"')


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drawn_by("0.0.1", _CHART), "differs-by-version"),
        (drawn_by("0.0.1"), "differs-by-version"),
        (drawn_by("0.0.1", _CHART, ("<h1>", "<h1>Ten times better: ")), "differs"),
        (drawn_by("0.0.1", ("<main>", "<main><p>more</p>")), "differs"),
        (lambda page: page.replace(*_CHART, 1), "differs"),
    ],
)
def test_charts_of_another_library(
    results: Results, tmp_path: Path, change: Callable[[str], str], expected: str
) -> None:
    """Charts of a page that names another version of a library differ by version; its text does
    not, and nor does a chart of the versions that are installed.
    """
    page = (results.folder / "page.html").read_text()
    changed = change(page)
    assert changed != page
    (tmp_path / "page.html").write_text(changed)
    assert proof(tmp_path / "page.html").outcome == expected


@pytest.mark.parametrize(("other", "expected"), [("0.0.1", "differs-by-version"), ("", "differs")])
def test_charts_of_another_library_in_a_bundle(
    results: Results, tmp_path: Path, other: str, expected: str
) -> None:
    """The page names its libraries there as well."""
    version = other or metadata.version("altair")

    def put(folder: Path) -> None:
        page = folder / "documents/page.html"
        page.write_text(drawn_by(version, _CHART)(page.read_text()))

    assert proof(rebuilt(results.bundle, tmp_path, put, sums=True)).outcome == expected


def test_another_version_excuses_no_contradiction_inside(results: Results, tmp_path: Path) -> None:
    """A document that states other numbers than the run beside it is no matter of versions."""

    def older(folder: Path) -> None:
        edit("manifest.json", lambda m: m.update(energybench="0.0.1"))(folder)
        edit("run.json", lambda run: run.update(label="other"))(folder)

    assert proof(rebuilt(results.bundle, tmp_path, older, sums=True)).outcome == "differs"


# ---------------------------------------------------------------- the command line


def test_verify_as_json(results: Results) -> None:
    ran = in_process("verify", "numbers.zip", "--json", cwd=results.folder)
    assert (ran.code, ran.json["outcome"], ran.json["kind"]) == (0, "verified", "proof")
    digest = ran.json["sha256"]
    assert in_process("verify", "numbers.zip", "--sha256", digest, cwd=results.folder).code == 0
    assert "publisher's file" in one_line(
        in_process("verify", "numbers.zip", "--sha256", "0" * 64, cwd=results.folder)
    )


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"hello", b"%PDF-1.7 x", b"<!doctype html><p>x", b'{"kind": "grade"}']
)
@pytest.mark.parametrize("name", ["file.zip", "file.html"])
def test_what_is_neither_a_bundle_nor_a_report(tmp_path: Path, content: bytes, name: str) -> None:
    """One line and exit code 2."""
    (tmp_path / name).write_bytes(content)
    one_line(in_process("verify", name, cwd=tmp_path))


def test_a_zip_without_a_manifest(tmp_path: Path) -> None:
    archive.write(tmp_path / "x.zip", {"a.txt": b"x"}, datetime(2026, 1, 1))
    line = one_line(in_process("verify", "x.zip", cwd=tmp_path))
    assert "manifest.json" in line


def test_bundle_refuses_what_it_cannot_prove(results: Results, tmp_path: Path) -> None:
    """Broken runs, foreign files, options without --redact, two files of one name, a date of no
    ZIP file; nothing is written.
    """
    folder = results.folder
    (tmp_path / "foreign.json").write_text("{}")
    (tmp_path / "comparison.json").write_text((folder / "comparison.json").read_text() + " ")
    out = str(tmp_path / "none.zip")
    foreign = str(tmp_path / "foreign.json")
    for arguments in (
        ("nothing-of-this-name",),
        (foreign,),
        ("comparison.json", str(tmp_path / "comparison.json")),
        ("results", "--document", foreign),
        ("results", "--salt", "x"),
        ("results", "--hide", "x"),
        ("results", "--date", "1970-01-01"),
        ("results", "--scenario-file", "none.toml"),
        ("results", "--publication", foreign),
    ):
        one_line(in_process("bundle", *arguments, "--out", out, cwd=folder))
    one_line(in_process("bundle", "results", "--out", "no/folder/x.zip", cwd=folder))
    assert not Path(out).exists()


def moved(first: str, second: str) -> Change:
    """Give a folder another name, or exchange two folders."""

    def apply(folder: Path) -> None:
        (folder / first).rename(folder / "aside")
        if (folder / second).exists():
            (folder / second).rename(folder / first)
        (folder / "aside").rename(folder / second)

    return apply


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_renamed_run_is_found(results: Results, tmp_path: Path, exchanged: bool) -> None:
    """A folder of another name than its run, also if two runs exchanged their folders."""
    first, second = (f"runs/{run.name}" for run in results.runs)
    target = second if exchanged else f"{first}-better"
    found = proof(rebuilt(results.numbers, tmp_path, moved(first, target), sums=True))
    assert found.outcome == "differs"
    renamed = [finding.place for finding in found.findings if "was renamed" in finding.what]
    assert target in renamed
    assert (first in renamed) == exchanged


def test_a_bundle_names_folders_by_ids(results: Results, tmp_path: Path) -> None:
    """Whatever the directory of the run is called."""
    shutil.copytree(results.runs[0], tmp_path / "my-run")
    assert in_process("bundle", "my-run", "--out", "b.zip", cwd=tmp_path).code == 0
    found = proof(tmp_path / "b.zip")
    assert found.outcome == "verified", found.findings
    assert any(words.startswith(f"runs/{results.runs[0].name}") for words in found.checked)
