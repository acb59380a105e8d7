"""`energybench grade RUN`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, number_options, options
from energybench.cli.wrapping import wrapped
from energybench.foreign_text import visible
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.model import Aspect, Grade, Measurement, RuleBook

_WIDTH = 120

_MOST_NODES = 10_000_000
# The methodology asks for ten averages or more; a day in seconds is the most that anybody asks for.
_LEAST_AVERAGES, _MOST_AVERAGES = 10, 86_400


def grade(
    run: Annotated[str, typer.Argument(help="Run directory, run.json or id.")],
    machine_nodes: Annotated[
        int | None,
        number_options.whole(
            "--machine-nodes",
            low=1,
            high=_MOST_NODES,
            help="Number of compute nodes of the whole machine, of which a fraction was measured.",
        ),
    ] = None,
    series: Annotated[
        Path | None,
        typer.Option(
            "--series",
            help="Folder for what levels 2 and 3 ask to submit: equal averages of the core phase, "
            "idle power, raw readings (CSV).",
        ),
    ] = None,
    averages: Annotated[
        int,
        number_options.whole(
            "--averages",
            low=_LEAST_AVERAGES,
            high=_MOST_AVERAGES,
            help="Number of averages in each repeat, with --series.",
        ),
    ] = _LEAST_AVERAGES,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Grade a run by the rules of EE HPC WG and MLPerf® Power.

    EE HPC WG (levels 1 to 3), MLPerf® Training and MLPerf® Inference, aspect by aspect. Nothing is
    submitted.
    """
    from energybench.errors import BadInput
    from energybench.grading.rule_books import grade as grade_measurement
    from energybench.store import reader

    directory, result = reader.measurement(run, store)
    if machine_nodes is not None and machine_nodes < result.nodes:
        raise BadInput(
            f"--machine-nodes {machine_nodes}",
            f"is less than the number of nodes that were measured, {result.nodes}",
            "the compute nodes of the whole machine",
        )
    graded = grade_measurement(result, machine_nodes)
    if series is not None:
        _write_series(series, directory, result, averages)
    if json:
        common.print_json(graded)
    else:
        print(text(graded))


def _write_series(out: Path, directory: Path, result: Measurement, averages: int) -> None:
    """Write the tables of a submission, computed again from the samples of the run."""
    from energybench.cli.report_files import write_folder
    from energybench.grading.facts import facts
    from energybench.measuring.session import ranges
    from energybench.store.submitted_series import series

    files = series(directory, result, ranges(), averages, facts(result).interval_s)
    write_folder(out, files, "--series", "--series")
    common.say(f"series written to {out}: {counted(len(files), 'file')}")


def text(graded: Grade) -> str:
    """Each rule book with its aspects; one line for each check, with requirement and finding."""
    from energybench.model import stamp_words

    legends = dict.fromkeys(book.legend for book in graded.books if book.legend)
    return "\n\n".join(
        [
            visible(f"{stamp_words(graded.stamps)}{graded.label} ({graded.measurement})"),
            *(_book(book) for book in graded.books),
            *("\n".join(wrapped(legend, "", _WIDTH)) for legend in legends),
        ]
    )


def _book(book: RuleBook) -> str:
    lines = [
        visible(
            f"{book.name}: {book.gives or 'no grade is given, because not every aspect is known'}"
        ),
        *wrapped(visible(book.edition), "  ", _WIDTH),
        *wrapped(visible(book.why), "  ", _WIDTH),
    ]
    for aspect in book.aspects:
        lines += _aspect(aspect)
    for note in book.notes:
        lines += wrapped(note, "  note: ", _WIDTH)
    return "\n".join(lines)


def _aspect(aspect: Aspect) -> list[str]:
    name = f"level {aspect.level}, {aspect.name}" if aspect.level else aspect.name
    lines = [visible(f"  {aspect.result:<8}{name}")]
    for check in aspect.checks:
        lines += wrapped(visible(f"{check.asked}: {check.found}"), f"    {check.result:<8}", _WIDTH)
    return lines
