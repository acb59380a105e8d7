"""Projections in words: what a month saves, line by line with formula and inputs, and published
claims against their own inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Claim, Estimate, Input, Projection
from energybench.units import show
from energybench_reports.view.layout import Answer, Section, Table, ratio_axis
from energybench_reports.view.wording import Cell, Tone, plain, published, value

_FITS: dict[bool | None, tuple[str, Tone]] = {
    True: ("fits", "good"),
    False: ("does not fit", "bad"),
    None: ("not derivable", "warn"),
}


def heading(projection: Projection) -> str:
    return plain(projection.title) or plain(projection.scenario)


def answer(projection: Projection) -> Answer:
    """What a month saves, and how many published figures fit."""
    title = heading(projection)
    weak = any(doubt.code == "time-x-assumed-power" for doubt in projection.doubts)
    energy, cost, carbon = (
        projection.saved_mwh_per_month,
        projection.saved_cost_per_month,
        projection.saved_tco2e_per_month,
    )
    facts: list[tuple[str, Cell]] = []
    if cost is not None:
        cell = value(cost, projection.currency or "")
        kind = next(
            (plain(line.note) for line in projection.lines if line.value == cost and line.note), ""
        )  # electricity, or node-hours at their price
        facts.append(
            (
                "money saved a month",
                cell._replace(note=f"{cell.note} ({kind})" if kind else cell.note),
            )
        )
    if carbon is not None:
        facts.append(("carbon saved a month", value(carbon, "t CO2e")))
    if projection.claims:
        facts.append(("published figures that fit", Cell(_score(projection.claims))))
    said = [f"{name} {cell.line}" for name, cell in facts]
    name = "energy saved a month" + (", from assumed powers" if weak else "")
    shown = show(energy, "MWh") if energy is not None else "not given"
    return Answer(
        kind="projection",
        title=title,
        figure_name=name,
        figure=value(energy, "MWh") if energy is not None else None,
        sentence=f"Scenario {plain(projection.scenario)}: {_direction(energy)} Every line, its formula "
        "and inputs stand below.",
        verdict="",
        verdict_words="",
        tone="warn" if weak else "",
        assumed=weak,
        facts=tuple(facts),
        line=f"{title}: {name} {', '.join([shown, *said])}",
    )


def _direction(energy: Estimate | None) -> str:
    if energy is None:
        return "it gives no saving of energy."
    if energy.low > 0:
        return "gross energy that the candidate's fleet does not use for the same work."
    if energy.high < 0:
        return "negative: the candidate's fleet uses more energy for the same work."
    return "the interval holds 0: a saving is not shown."


def _score(claims: Sequence[Claim]) -> str:
    fits = sum(claim.fits is True for claim in claims)
    underived = sum(claim.fits is None for claim in claims)
    return f"{fits} of {len(claims)}" + (f", {underived} not derivable" if underived else "")


def sections(projections: Sequence[Projection]) -> tuple[Section, Section]:
    """Lines with their inputs, then claims."""
    lines = [
        made
        for projection in projections
        for made in (_lines(projection), _inputs(projection))
        if made.rows
    ]
    about = (
        "Each line is computed from the ones above it and from the inputs listed; intervals are "
        "carried through, effect by effect."
    )
    claims = tuple(_claims(projection) for projection in projections if projection.claims)
    claims_about = (
        "Each published figure against what its own published inputs give. A figure fits where it "
        "lies in the derived interval; "
        "one whose inputs were not published cannot be derived, which is not the same as wrong."
    )
    return Section("projection", "Projection", about, tuple(lines)), Section(
        "claims", "Claims", claims_about, claims
    )


def _lines(projection: Projection) -> Table:
    rows = tuple(
        (
            Cell(plain(line.name), plain(line.note)),
            value(line.value, line.unit),
            Cell(plain(line.formula), tone="code"),
            Cell(", ".join(plain(used.name) for used in line.inputs), tone="muted"),
        )
        for line in projection.lines
    )
    return Table(heading(projection), ("line", "value", "formula", "inputs"), rows)


def _inputs(projection: Projection) -> Table:
    """Each input once, with the lines that use it."""
    used: dict[Input, list[str]] = {}
    for line in projection.lines:
        for given in line.inputs:
            used.setdefault(given, []).append(plain(line.name))
    rows = tuple(
        (
            Cell(plain(given.name)),
            value(given.value, given.unit),
            Cell(plain(given.source)),
            Cell(", ".join(lines), tone="muted"),
        )
        for given, lines in used.items()
    )
    return Table(f"Inputs of {heading(projection)}", ("input", "value", "source", "used in"), rows)


def _claims(projection: Projection) -> Table:
    """Claimed beside derived; the axis is derived / claimed, so that the claim itself stands at 1."""
    scaled = [_over_claimed(claim) for claim in projection.claims]
    tones: list[Tone] = [_FITS[claim.fits][1] for claim in projection.claims]
    axis, marks = ratio_axis("derived / claimed", scaled, tones=tones)
    rows = tuple(
        (
            Cell(plain(claim.name), plain(claim.source)),
            Cell(published(claim.claimed, claim.unit)),
            value(claim.derived, claim.unit)
            if claim.derived is not None
            else Cell("–", tone="muted"),
            Cell(_FITS[claim.fits][0], tone=_FITS[claim.fits][1]),
            Cell(plain(claim.why)),
        )
        for claim in projection.claims
    )
    return Table(
        heading(projection),
        ("claim", "claimed", "derived", "fits", "why"),
        rows,
        axis=axis,
        marks=marks,
    )


def _over_claimed(claim: Claim) -> Estimate | None:
    if claim.derived is None or claim.claimed <= 0:
        return None
    return Estimate(
        value=claim.derived.value / claim.claimed,
        low=claim.derived.low / claim.claimed,
        high=claim.derived.high / claim.claimed,
    )
