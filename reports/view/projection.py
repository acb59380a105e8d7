"""Projections in words: the saving of a month, every line with formula and inputs, and published
claims beside the figures derived from the published inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Claim, Estimate, Input, Projection
from energybench.units import show
from energybench_reports.view.layout import Answer, Section, Table, ratio_axis
from energybench_reports.view.wording import TableCell, Tone, or_dash, plain, published, value

_FITS: dict[bool | None, tuple[str, Tone]] = {
    True: ("fits", "good"),
    False: ("does not fit", "bad"),
    None: ("not derivable", "warn"),
}

Fact = tuple[str, TableCell]


def heading(projection: Projection) -> str:
    return plain(projection.title) or plain(projection.scenario)


# ---------------------------------------------------------------- headline


def answer(projection: Projection) -> Answer:
    """The saving of a month, and how many published figures fit."""
    title = heading(projection)
    energy = projection.saved_mwh_per_month
    assumed = any(doubt.code == "time-x-assumed-power" for doubt in projection.doubts)
    name = "energy saved a month"
    if assumed:
        name += ", from assumed powers"
    facts = _facts(projection)
    figures = [
        show(energy, "MWh") if energy is not None else "not given",
        *(f"{fact} {cell.line}" for fact, cell in facts),
    ]
    return Answer(
        kind="projection",
        title=title,
        figure_name=name,
        figure=value(energy, "MWh") if energy is not None else None,
        sentence=f"Scenario {plain(projection.scenario)}: {_direction(energy)} The tables below "
        "show every line with its formula and inputs.",
        verdict="",
        verdict_words="",
        tone="warn" if assumed else "",
        assumed=assumed,
        facts=facts,
        line=f"{title}: {name} {', '.join(figures)}",
    )


def _facts(projection: Projection) -> tuple[Fact, ...]:
    """Money, carbon and claims, if the projection has any."""
    facts = []
    if projection.saved_cost_per_month is not None:
        facts.append(("money saved a month", _money(projection, projection.saved_cost_per_month)))
    if projection.saved_tco2e_per_month is not None:
        carbon = value(projection.saved_tco2e_per_month, "t CO2e")
        facts.append(("carbon saved a month", carbon))
    if projection.claims:
        facts.append(("published figures that fit", TableCell(_score(projection.claims))))
    return tuple(facts)


def _money(projection: Projection, cost: Estimate) -> TableCell:
    """The saving, with the kind of money: price of electricity, or price of node-hours."""
    cell = value(cost, projection.currency or "")
    kinds = [line.note for line in projection.lines if line.value == cost and line.note]
    if kinds:
        return cell._replace(note=f"{cell.note} ({plain(kinds[0])})")
    return cell


def _direction(energy: Estimate | None) -> str:
    if energy is None:
        return "it does not give a saving of energy."
    if energy.low > 0:
        return "the gross energy that the candidate's fleet saves for the same work."
    if energy.high < 0:
        return "negative, because the candidate's fleet uses more energy for the same work."
    return "the interval contains 0, so that a saving is not shown."


def _score(claims: Sequence[Claim]) -> str:
    """'3 of 6, 1 not derivable'."""
    fits = sum(claim.fits is True for claim in claims)
    underived = sum(claim.fits is None for claim in claims)
    return f"{fits} of {len(claims)}" + (f", {underived} not derivable" if underived else "")


# ---------------------------------------------------------------- tables


def sections(projections: Sequence[Projection]) -> tuple[Section, Section]:
    """Lines with their inputs, then claims."""
    lines = tuple(
        table
        for projection in projections
        for table in (_lines(projection), _inputs(projection))
        if table.rows
    )
    lines_about = (
        "Each line is computed from the lines above it and from its inputs. The uncertainty of "
        "every input is carried through to the result. If the scenario states the range of an "
        "input, the table of inputs shows the stated range instead of an interval."
    )
    claims = tuple(_claims(projection) for projection in projections if projection.claims)
    claims_about = (
        "Each published figure beside the figure that follows from its own published inputs. A "
        "figure fits if it lies in the derived interval. A figure whose inputs were not published "
        "cannot be derived; that does not mean that the figure is wrong."
    )
    return (
        Section("projection", "Projection", lines_about, lines),
        Section("claims", "Claims", claims_about, claims),
    )


def _lines(projection: Projection) -> Table:
    rows = tuple(
        (
            TableCell(plain(line.name), plain(line.note)),
            value(line.value, line.unit),
            TableCell(plain(line.formula), tone="code"),
            TableCell(", ".join(plain(used.name) for used in line.inputs), tone="muted"),
        )
        for line in projection.lines
    )
    return Table(heading(projection), ("line", "value", "formula", "inputs"), rows)


def _inputs(projection: Projection) -> Table:
    """Every input once, with the lines that use the input."""
    users: dict[Input, list[str]] = {}
    for line in projection.lines:
        for used in line.inputs:
            users.setdefault(used, []).append(plain(line.name))
    rows = tuple(
        (
            TableCell(plain(used.name)),
            _input_value(used),
            TableCell(plain(used.source)),
            TableCell(", ".join(lines), tone="muted"),
        )
        for used, lines in users.items()
    )
    return Table(f"Inputs of {heading(projection)}", ("input", "value", "source", "used in"), rows)


def _input_value(used: Input) -> TableCell:
    """A stated range with the digits of the scenario, or the value with an interval."""
    if used.stated is None:
        return value(used.value, used.unit)
    low, high = used.stated
    words = f"stated range: {published(low)} to {published(high, used.unit)}"
    return TableCell(published(used.value.value, used.unit), words if low < high else "")


def _claims(projection: Projection) -> Table:
    """Claimed beside derived. The axis shows derived / claimed: the claim is at 1."""
    ratios = [_over_claimed(claim) for claim in projection.claims]
    tones: list[Tone] = [_FITS[claim.fits][1] for claim in projection.claims]
    axis, marks = ratio_axis("derived / claimed", ratios, tones=tones)
    rows = tuple(
        (
            TableCell(plain(claim.name), plain(claim.source)),
            TableCell(published(claim.claimed, claim.unit)),
            or_dash(claim.derived, claim.unit),
            TableCell(_FITS[claim.fits][0], tone=_FITS[claim.fits][1]),
            TableCell(plain(claim.why)),
        )
        for claim in projection.claims
    )
    head = ("claim", "claimed", "derived", "fits", "why")
    return Table(heading(projection), head, rows, axis=axis, marks=marks)


def _over_claimed(claim: Claim) -> Estimate | None:
    if claim.derived is None or claim.claimed <= 0:
        return None
    return Estimate(
        value=claim.derived.value / claim.claimed,
        low=claim.derived.low / claim.claimed,
        high=claim.derived.high / claim.claimed,
    )
