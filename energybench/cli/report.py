"""`energybench report RUN|STORE…`"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from energybench.cli import options
from energybench.cli.report_files import deliver


def report(
    results: Annotated[
        list[str],
        typer.Argument(
            help="Runs, studies, stores, files printed by a command with --json (compare, project, "
            "grade, report), and reports as HTML or PDF."
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", help="See `energybench list reports`.")
    ] = "terminal",
    out: options.ReportOut = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the report.")] = None,
    note: Annotated[
        list[str] | None,
        typer.Option("--note", help="A note to print under the title (may be repeated)."),
    ] = None,
    publication: options.PublicationFile = None,
    date: options.ReportDate = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show all results in full, not only the first 12.")
    ] = False,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Render results in a format of `energybench list reports`."""
    from energybench.cli.report_date import stated_date
    from energybench.registry import load
    from energybench.store.document import MOST_TIMELINES, document, gather, title_of
    from energybench.store.publication_file import check_tested, read_publication

    renderer = load("reports", "json" if json else form)
    created_utc = stated_date(date, os.environ)
    published = read_publication(publication) if publication is not None else None
    # only a report with charts of power states so; for others no samples are read
    most: int | None = 0
    if getattr(renderer, "timelines", False):
        most = None if every else MOST_TIMELINES
    gathered = gather(results, store, most)
    published = published or gathered.publication
    contents = document(
        title
        or (published.title if published else "")
        or (gathered.titles[0] if len(results) == 1 and gathered.titles else "")
        or title_of(gathered.results or gathered.grades),
        gathered.results,
        gathered.timelines,
        [*(note or ()), *gathered.notes],
        created_utc=created_utc,
        publication=published,
        grades=gathered.grades,
        all_in_full=every,
    )
    if published is not None:
        check_tested(published, contents.created_utc, str(publication or "publication"))
    deliver(renderer, renderer.render(contents), out)
