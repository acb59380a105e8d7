"""Checking a bundle, or a single report, offline: everything is made again and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TypeVar

from energybench import __version__
from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput, NotInstalled
from energybench.model import Comparison, Measurement, Projection
from energybench.proof import archive, contents, embedded_results, manifest, stated_fields, tables
from energybench.proof.comparisons import check_result
from energybench.proof.derived import Sources, check_grade, check_projection, comparisons_again
from energybench.proof.manifest import MANIFEST, SUMS, Manifest
from energybench.proof.pages import HasForms, compared, renderer
from energybench.proof.proof import Notes, Proof
from energybench.proof.runs import CheckedRun, check_runs, renamed
from energybench.proof.scenarios import StatedScenario, read_scenario
from energybench.registry import registered
from energybench.regular_file import read_bytes
from energybench.store import document_file, unknown_fields
from energybench.store.document_file import Content
from energybench.store.embedded import suffix_of
from energybench.store.publication_file import read_publication
from energybench.store.strict import MOST_BYTES
from energybench.store.study import read_study

T = TypeVar("T")

_DRAWING = ("energybench", "altair", "vl-convert-python", "typst")


def check(path: Path, ranges: Ranges) -> Proof:
    """Check a bundle or a report. Raises BadInput for a file that is neither."""
    if path.suffix.lower() == ".zip" or archive.is_zip(path):
        return check_bundle(path, ranges)
    return check_report(path)


# ---------------------------------------------------------------- a report alone


def check_report(path: Path) -> Proof:
    """Check the text of a report against the document that it holds. Raises BadInput."""
    notes = Notes(alone=True)
    page = read_bytes(path, MOST_BYTES)
    if suffix_of(page) == ".json":
        raise BadInput(
            str(path),
            "is neither a bundle nor a report",
            "a ZIP of `energybench bundle`, or a report as HTML or PDF",
        )
    with unknown_fields.collected() as noted:
        content = document_file.read_content(path)
    other_version = content.version != __version__
    stated_fields.check_unknown(noted, f"{path.parent}/", notes, lambda _: other_version)
    values = document_file.values(page, str(path))
    nouns = stated_fields.nouns_of(content)
    stated_fields.stamps_of(path.name, values, nouns, notes, by_version=other_version)
    _check_page(path.name, page, content, {}, notes, by_version=other_version)
    if not notes.checked and not notes.findings:
        raise BadInput(str(path), f"cannot be checked: {notes.not_checked[0]}")
    embedded_results.check_results(path.name, content, notes, by_version=other_version)
    if any(isinstance(result, Measurement) for result in content.results):
        words = "the energies, intervals and doubts of its runs"
        notes.lacks("samples", f"{words}: a report holds no samples, a bundle does")
    return Proof(
        file=str(path),
        sha256=hashlib.sha256(page).hexdigest(),
        made_utc=content.created_utc,
        made_by=content.version,
        read_by=__version__,
        redacted=False,
        outcome=notes.outcome,
        packages=_packages(notes, content.version),
        checked=tuple(notes.checked),
        not_checked=tuple(notes.not_checked),
        missing=notes.missing,
        findings=tuple(notes.findings),
    )


def _packages(notes: Notes, made_by: str) -> tuple[str, ...]:
    """The packages with which differences by version can be checked."""
    if made_by != __version__ and any(finding.by_version for finding in notes.findings):
        notes.installs("energybench", made_by)
    return tuple(notes.packages)


def _check_page(
    place: str,
    page: bytes,
    content: Content,
    runs: Mapping[str, CheckedRun],
    notes: Notes,
    *,
    by_version: bool,
    other_libraries: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Check the text of a page.

    by_version       whether another version of energybench made it
    other_libraries  versions of the libraries that draw, if the bundle states others than here
    """
    suffix = suffix_of(page)
    report = renderer(suffix)
    if report is None:
        notes.not_checked.append(f"{place}: no report of this installation writes {suffix}")
        return
    others = dict(other_libraries)
    if isinstance(report, HasForms):
        others.update(_name_and_version(words) for words in report.other_libraries(page))
    at_hand = {name: (run.directory, run.stated) for name, run in runs.items()}
    try:
        result = compared(page, content, report, at_hand)
    except NotInstalled as why:
        notes.not_checked.append(f"{place}: its text: {why}")
        return
    except BadInput as why:
        # `where` of it is a place in a temporary folder
        words = f"its document cannot be rendered: {why.what}"
        notes.differs(place, words, by_version=by_version)
        return
    for difference in result.differences:
        drawn = difference.drawing and bool(others)
        if drawn:
            for name, version in others.items():
                notes.installs(name, version)
        notes.differs(place, difference.words, by_version=by_version or drawn, code=difference.code)
    if not result.differences:
        notes.checked.append(f"{place}: its text is what its document gives")
    if result.without:
        notes.not_checked.append(f"{place}: {result.without}")


def _name_and_version(words: str) -> tuple[str, str]:
    """("typst", "0.14.0") of "typst 0.14.0"."""
    name, _, version = words.partition(" ")
    return name, version


# ---------------------------------------------------------------- a bundle


def check_bundle(path: Path, ranges: Ranges) -> Proof:
    """Check a bundle in a temporary folder. Raises BadInput for a file that is not a bundle."""
    notes = Notes()
    with TemporaryDirectory(prefix="energybench-verify-") as name:
        folder = Path(name) / "bundle"
        folder.mkdir()
        opened = archive.unpack(path, folder, Path(name) / "again.zip")
        with unknown_fields.collected() as noted:
            stated = manifest.read_manifest(folder, str(path))
        other_version = stated.energybench != __version__
        stated_fields.check_unknown(noted, f"{path}: ", notes, lambda _: other_version)
        for file, words in manifest.differing(folder, opened.names):
            notes.differs(file, words)
        if not notes.findings:
            notes.checked.append(f"{len(opened.names) - 1} files have the SHA-256 of {SUMS}")
        files = {one: folder / one for one in opened.names if one not in (MANIFEST, SUMS)}
        results: dict[str, Content] = {}

        def by_version(place: str) -> bool:
            """Whether another version wrote a file; a document names its version."""
            content = results.get(place.partition(": ")[0])
            if content is None or not content.version:
                return other_version
            return content.version != __version__

        with unknown_fields.collected() as noted:
            results |= _stated_results(files, notes)
            _check_contents(files, results, stated, ranges, notes)
        stated_fields.check_unknown(noted, f"{folder}/", notes, by_version)
        stated_fields.check_stamps(files, results, notes, by_version)
    return Proof(
        file=str(path),
        sha256=manifest.sha256(path),
        made_utc=stated.created_utc,
        made_by=stated.energybench,
        read_by=__version__,
        redacted=stated.redacted,
        outcome=notes.outcome,
        packages=_packages(notes, stated.energybench),
        checked=tuple(notes.checked),
        not_checked=tuple(notes.not_checked),
        missing=notes.missing,
        findings=tuple(notes.findings),
    )


def _check_contents(
    files: contents.Files,
    stated_results: Mapping[str, Content],
    stated: Manifest,
    ranges: Ranges,
    notes: Notes,
) -> None:
    here = {"energybench": __version__, **manifest.installed()}
    other_version = stated.energybench != __version__
    other_libraries = {
        name: stated.versions.get(name, "")
        for name in _DRAWING
        if stated.versions.get(name) != here.get(name)
    }
    runs = check_runs(contents.run_folders(files), ranges, notes, by_version=other_version)
    for name, directory in contents.study_folders(files).items():
        study = _readable(name, notes, partial(read_study, directory))
        if study is not None:
            if PurePosixPath(name).name != study.id:
                notes.differs(name, renamed(study.id))
            check_result(name, study, runs, notes, by_version=other_version)
    sources = _sources(files, stated_results, runs, notes, by_version=other_version)
    for name, content in stated_results.items():
        for result in content.results:
            if isinstance(result, Projection):
                check_projection(name, result, sources, notes, by_version=other_version)
            else:
                check_result(name, result, runs, notes, by_version=other_version)
        for grade in content.grades:
            check_grade(name, grade, sources, notes, by_version=other_version)
        if name.startswith(f"{contents.DOCUMENTS}/"):
            page, other = files[name].read_bytes(), content.version not in ("", __version__)
            _check_page(
                name, page, content, runs, notes, by_version=other, other_libraries=other_libraries
            )
    logo = _check_publication(files, notes)
    for name in contents.not_of_a_bundle(files, logo):
        notes.differs(name, "is not a file that a bundle has: nothing in it is checked")
    _check_tables(files, stated, notes, by_version=other_version)


def _check_publication(files: contents.Files, notes: Notes) -> str:
    """Check that a publication can be read; the file name of its logo, "" without one."""
    name = contents.PUBLICATION_FILE
    if name not in files:
        return ""
    # before the logo is read: a name with folders would lead out of the bundle
    logo = _readable(name, notes, partial(contents.logo_name, files[name]))
    if logo is None or _readable(name, notes, partial(read_publication, files[name])) is None:
        return ""
    notes.not_checked.append(f"{name}: statements of the publisher")
    return logo


def _stated_results(files: contents.Files, notes: Notes) -> dict[str, Content]:
    """The contents of results and reports, by their files. A file that cannot be read becomes a
    finding.
    """
    read = {}
    for kind in (contents.RESULTS, contents.DOCUMENTS):
        for name, path in contents.of_kind(files, kind).items():
            content = _readable(name, notes, partial(document_file.read_content, path))
            if content is not None:
                read[name] = content
    return read


def _sources(
    files: contents.Files,
    stated: Mapping[str, Content],
    runs: Mapping[str, CheckedRun],
    notes: Notes,
    *,
    by_version: bool,
) -> Sources:
    """The results from which projections and grades are made again."""
    again = {name: run.again for name, run in runs.items()}
    comparisons = [
        result
        for content in stated.values()
        for result in content.results
        if isinstance(result, Comparison)
    ]
    scenarios = {}
    for name, path in contents.of_kind(files, contents.SCENARIOS).items():
        file = _readable(name, notes, partial(read_scenario, path), by_version=by_version)
        if file is not None and file.scenario is not None:
            scenarios[file.scenario.name] = StatedScenario(file.scenario, name)
            notes.not_checked.append(f"{name}: inputs that the publisher states")
    return Sources(again, comparisons_again(comparisons, again), scenarios)


def _check_tables(
    files: contents.Files, stated: Manifest, notes: Notes, *, by_version: bool
) -> None:
    present = contents.of_kind(files, contents.TABLES)
    if not present or notes.outcome == "differs":
        return  # tables of results that differ differ as well
    installed = registered("reports")
    reports = [PurePosixPath(name).stem for name in present]
    known = [name for name in reports if name in installed]
    again = tables.of_files(files, known, stated.created_utc, stated.energybench)
    for name, path in present.items():
        if name not in again:
            notes.not_checked.append(f"{name}: no report of this installation writes it")
        elif again[name] != path.read_bytes():
            notes.differs(name, "is not what the results give", by_version=by_version)
        else:
            notes.checked.append(f"{name}: is what the results give")


def _readable(
    name: str, notes: Notes, read: Callable[[], T], *, by_version: bool = False
) -> T | None:
    """What a file holds; None, and a finding, if it cannot be read."""
    try:
        return read()
    except BadInput as why:
        notes.differs(name, f"cannot be read: {why.what}", by_version=by_version)
        return None
