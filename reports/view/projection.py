"""Projections in words: the saving of a month, published claims beside derived figures, the values
with which the claims hold together, and every line with formula and inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import (
    Input,
    Line,
    Projection,
)
from energybench_reports.view import claims, projection_solution, sensitivity
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.projection_headline import answer as answer
from energybench_reports.view.projection_headline import heading as heading
from energybench_reports.view.wording import TableCell, plain, published, published_range, value

# ---------------------------------------------------------------- tables


def sections(projections: Sequence[Projection]) -> tuple[Section, ...]:
    """Claims, then their solution, then the sensitivity, then lines with their inputs."""
    tables = tuple(
        claims.table(projection, heading(projection))
        for projection in projections
        if projection.claims
    )
    claims_about = (
        "Each published figure beside the figure that follows from published or measured inputs. A "
        "figure whose inputs were not published cannot be derived; that does not mean that the "
        "figure is wrong. A figure that needs more than was published holds under the conditions "
        "in the last column."
    )
    solutions = tuple(
        table
        for projection in projections
        if projection.solution is not None
        for table in projection_solution.tables(
            projection.solution,
            heading(projection),
            [claim.name for claim in projection.claims if claim.untested],
        )
        if table.rows
    )
    solution_about = (
        "The publication leaves these quantities open. The solution has values with which the "
        "claims hold together, and the range of each quantity over all such values. It says what "
        "the claims need; it is no evidence for them. A claim that does not hold together with the "
        "others needs a quantity outside its plausible range."
    )
    lines = tuple(
        table
        for projection in projections
        for table in (*_lines(projection), _inputs(projection))
        if table.rows
    )
    lines_about = (
        "Each line is computed from the lines above it and from its inputs. The uncertainty of "
        "every input is carried through to the result. If the scenario states the range of an "
        "input, the table of inputs shows the stated range instead of an interval."
    )
    return (
        Section("claims", "Claims", claims_about, tables),
        Section("solution", "What the claims need together", solution_about, solutions),
        sensitivity.section([(heading(projection), projection) for projection in projections]),
        Section("projection", "Projection", lines_about, lines),
    )


# ---------------------------------------------------------------- lines and inputs


def _lines(projection: Projection) -> tuple[Table, ...]:
    """A table for each group of lines, in the order of their first lines."""
    head = ("line", "value", "formula", "inputs")
    title = heading(projection)
    return tuple(
        Table(
            f"{title}: {plain(group)}" if group else title,
            head,
            tuple(_line(line) for line in projection.lines if line.group == group),
        )
        for group in dict.fromkeys(line.group for line in projection.lines)
    )


def _line(line: Line) -> tuple[TableCell, ...]:
    formula = plain(line.formula)
    return (
        TableCell(plain(line.label or line.name), plain(line.note)),
        value(line.value, line.unit, prefixed=False),
        TableCell(f"{plain(line.name)} = {formula}" if line.label else formula, tone="code"),
        TableCell(", ".join(plain(used.label or used.name) for used in line.inputs), tone="muted"),
    )


def _inputs(projection: Projection) -> Table:
    """Every input once, with the lines that use the input; last those of claims alone."""
    users: dict[Input, list[str]] = {}
    for line in projection.lines:
        for used in line.inputs:
            users.setdefault(used, []).append(plain(line.label or line.name))
    for used in projection.inputs:
        users[used] = ["published claims and their solution"]
    rows = tuple(
        (
            TableCell(plain(used.label or used.name), plain(used.name) if used.label else ""),
            _input_value(used),
            TableCell(_source(used)),
            TableCell(", ".join(lines), tone="muted"),
        )
        for used, lines in users.items()
        if not used.above
    )
    return Table(f"Inputs of {heading(projection)}", ("input", "value", "source", "used in"), rows)


def _source(used: Input) -> str:
    """How the value is known, and its source."""
    source = plain(used.source)
    return f"{used.evidence}: {source}" if used.evidence else source


def _input_value(used: Input) -> TableCell:
    """A stated range with the digits of the scenario, or the value with an interval."""
    if used.stated is None:
        return value(used.value, used.unit, prefixed=False)
    low, high = used.stated
    words = f"stated range: {published_range(low, high, used.unit)}"
    if used.range == "limits":
        words += ", limits"
    return TableCell(published(used.value.value, used.unit), words if low < high else "")
