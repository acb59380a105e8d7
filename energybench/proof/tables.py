"""Every number of a bundle's results in tables that programs read, made for the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.errors import BadInput
from energybench.model import Document, Grade
from energybench.plugins import Report
from energybench.proof import contents
from energybench.registry import load
from energybench.store import document_file, reader
from energybench.store.document import title_of
from energybench.store.document_file import Result
from energybench.store.layout import RUNS
from energybench.store.publication_file import read_publication
from energybench.store.study import read_study


def of_files(
    files: contents.Files, reports: Sequence[str], created_utc: str, version: str
) -> Mapping[str, bytes]:
    """The tables by their names in the bundle; none for a bundle without results.

    reports               names of the reports that write them
    created_utc, version  of the bundle
    Raises BadInput for a file that cannot be read, and for a report that is not installed.
    """
    results, grades = _results(files)
    if not results and not grades:
        return {}
    publication = None
    if contents.PUBLICATION_FILE in files:
        publication = read_publication(files[contents.PUBLICATION_FILE])
    document = Document(
        title=(publication.title if publication else "") or title_of([*results, *grades]),
        results=tuple(results),
        timelines=(),
        notes=(),
        created_utc=created_utc,
        version=version,
        publication=publication,
        grades=tuple(grades),
        all_in_full=True,
    )
    tables = {}
    for name in reports:
        report: Report = load("reports", name)
        try:
            rendered = report.render(document)
        except BadInput:
            continue  # a format that has no words for any of the results
        if isinstance(rendered, bytes):
            tables[f"{contents.TABLES}/{report.name}{report.suffix}"] = rendered
    return tables


def _results(files: contents.Files) -> tuple[list[Result], list[Grade]]:
    results: list[Result] = []
    grades: list[Grade] = []
    for path in contents.of_kind(files, contents.RESULTS).values():
        content = document_file.read_content(path)
        results += content.results
        grades += content.grades
    results += [read_study(path) for path in contents.study_folders(files).values()]
    results += [
        reader.read_run(path)
        for name, path in contents.run_folders(files).items()
        if name.startswith(f"{RUNS}/")
    ]
    return results, grades
