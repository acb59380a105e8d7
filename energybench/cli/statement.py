"""`energybench statement RUNS|COMPARISONS…`"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import options
from energybench.cli.report_files import deliver
from energybench.errors import BadInput
from energybench.model import Comparison, Measurement

if TYPE_CHECKING:
    from energybench.store.document_file import Result

_FORMAT = "pdf"


def statement(
    results: Annotated[
        list[str],
        typer.Argument(
            help="A run, two runs (baseline, candidate), or up to six files of compare --json. The "
            "runs of a comparison are looked up in the store, or may be named too."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="PDF file that gets the statement.")],
    publication: options.PublicationFile = None,
    draft: Annotated[
        bool,
        typer.Option(
            "--draft",
            help="Take replayed, estimated, forced and failed results too, and mark every page.",
        ),
    ] = False,
    title: Annotated[str | None, typer.Option("--title", help="Title of the statement.")] = None,
    date: options.ReportDate = None,
    store: options.Store = options.STORE,
) -> None:
    """State a result to outsiders: two pages as PDF, and an appendix.

    The first two pages hold the figure with its interval, what was compared, what is left out,
    how to verify it, and a sentence to copy. Replayed, estimated and failed results are refused
    without --draft.
    """
    from energybench.cli.report_date import stated_date
    from energybench.plugins import MakesStatements
    from energybench.registry import load
    from energybench.store.document import document, gather, title_of
    from energybench.store.publication_file import check_tested, read_publication

    if out.suffix.lower() != ".pdf":
        raise BadInput(f"--out {out}", "is not a PDF", "name a file that ends with .pdf")
    created_utc = stated_date(date, os.environ)
    published = read_publication(publication) if publication is not None else None
    gathered = gather(results, store, 0)
    published = published or gathered.publication
    stated = _with_runs(_compared(gathered.results, results, store), store)
    _refuse_contradicted(stated)
    contents = document(
        title or (published.title if published else "") or title_of(stated),
        stated,
        (),
        gathered.notes,
        created_utc=created_utc,
        publication=published,
        grades=gathered.grades,
        all_in_full=True,
    )
    if published is not None:
        check_tested(published, contents.created_utc, str(publication or "publication"))
    report = load("reports", _FORMAT)
    if not isinstance(report, MakesStatements):
        raise BadInput(f"report {_FORMAT!r}", "makes no statements", "uninstall the other plugin")
    deliver(report, report.statement(contents, draft=draft), out)


def _compared(results: Sequence[Result], names: Sequence[str], store: Path) -> list[Result]:
    """The results; of two runs without a comparison, the comparison too, with its digests."""
    from energybench.analysis.comparison.compare import compare
    from energybench.store import digests
    from energybench.store.layout import find

    runs = [result for result in results if isinstance(result, Measurement)]
    if len(runs) != 2 or len(results) != 2:
        return list(results)
    pair = compare(runs[0], runs[1])
    if len(names) == len(runs) and not any(Path(name).is_file() for name in names):
        pair = digests.with_digests(pair, find(names[0], store), find(names[1], store))
    return [pair, *runs]


def _with_runs(results: Sequence[Result], store: Path) -> list[Result]:
    """The results with those runs of their comparisons that the store has."""
    from energybench.store import reader

    complete = list(results)
    known = {result.id for result in results if isinstance(result, Measurement)}
    for pair in results:
        if not isinstance(pair, Comparison):
            continue
        for run in (pair.baseline, pair.candidate):
            if run in known:
                continue
            known.add(run)
            try:
                complete.append(reader.measurement(run, store)[1])
            except BadInput:
                continue  # the statement says which runs it does not know
    return complete


def _refuse_contradicted(results: Sequence[Result]) -> None:
    """Raise BadInput for a comparison that its own runs, or its own fields, contradict."""
    from energybench.proof.comparison_fields import contradictions_of

    runs = {result.id: result for result in results if isinstance(result, Measurement)}
    for pair in results:
        if not isinstance(pair, Comparison):
            continue
        baseline, candidate = runs.get(pair.baseline), runs.get(pair.candidate)
        if baseline is None or candidate is None:
            whom, differences = "itself", contradictions_of(pair)
        else:
            whom, differences = "its runs", _differences_made_again(pair, baseline, candidate)
        if differences:
            more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
            raise BadInput(
                f"the comparison of {pair.baseline} and {pair.candidate}",
                f"contradicts {whom}: {differences[0]}{more}",
                "make it again: energybench compare BASELINE CANDIDATE --json",
            )


def _differences_made_again(
    stated: Comparison, baseline: Measurement, candidate: Measurement
) -> list[str]:
    """The differences between a comparison and the one that its runs give, in words."""
    import msgspec

    from energybench.proof.comparisons import comparison_again
    from energybench.proof.differences import differences, of_doubts

    again = comparison_again(stated, baseline, candidate)
    # the digests are those of files, which no analysis changes
    plain = msgspec.structs.replace(stated, digests=None)
    return [*map(str, differences(plain, again)), *map(str, of_doubts(stated.doubts, again.doubts))]
