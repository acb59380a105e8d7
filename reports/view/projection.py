"""Projections in words: the saving of a month, published claims beside derived figures, the values
with which the claims hold together, and every line with formula and inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from energybench.model import (
    Claim,
    Estimate,
    Input,
    Line,
    MeanValue,
    Projection,
    carbon_basis,
    has_stamp,
    stamp_words,
)
from energybench.units import show, show_beside, show_range
from energybench_reports.view import projection_solution, sensitivity
from energybench_reports.view.layout import Answer, Section, Table, ratio_axis
from energybench_reports.view.wording import TableCell, Tone, or_dash, plain, published, value

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "consistent": ("consistent with it", "good"),
    "needs": ("needs more than was published", "warn"),
    "contradicts": ("contradicts itself", "bad"),
    "cannot-be-derived": ("cannot be derived", "warn"),
}

# Of several published figures, and of one.
_COUNTS = {
    "fixes": (
        "fix a quantity that no other figure tests",
        "fixes a quantity that no other figure tests",
    ),
    "needs": ("need more than was published", "needs more than was published"),
    "contradicts": ("contradict themselves", "contradicts itself"),
    "cannot-be-derived": ("cannot be derived", "cannot be derived"),
}
_OPERATORS = {
    "=": "",
    "at-least": "at least ",
    "at-most": "at most ",
    "up-to": "up to ",
    "about": "about ",
}
_MEANS = ("arithmetic", "geometric", "energy-weighted")

Fact = tuple[str, TableCell]


def heading(projection: Projection) -> str:
    return plain(projection.title) or plain(projection.scenario)


# ---------------------------------------------------------------- headline


def answer(projection: Projection) -> Answer:
    """The saving of a month; of a publication that leaves quantities open, the verdicts on its
    figures.
    """
    title = heading(projection)
    energy = projection.saved_mwh_per_month
    assumed = has_stamp(projection.stamps, "estimated")
    name = f"energy saved a month{', from assumed powers' if assumed else ''}"
    facts, score = _facts(projection), _score(projection.claims)
    figure, words = None, "not given"
    if energy is not None:
        figure, words = value(energy, "MWh"), show(energy, "MWh")
    elif score is not None:
        # the score is the answer, and not a fact beside it
        name, figure, words = "published figures", score, score.line
    if energy is not None and score is not None:
        facts = (*facts, ("published figures", score))
    figures = [words, *(f"{fact} {cell.line}" for fact, cell in facts)]
    return Answer(
        kind="projection",
        title=title,
        figure_name=name,
        figure=figure,
        sentence=f"Scenario {plain(projection.scenario)}: {_direction(projection)} The tables "
        "below show every line with its formula and inputs.",
        verdict="",
        verdict_words="",
        tone="warn" if projection.stamps else "",
        assumed=assumed,
        facts=facts,
        line=f"{stamp_words(projection.stamps)}{title}: {name} {', '.join(figures)}",
        stamps=tuple(stamp.words for stamp in projection.stamps),
    )


def _facts(projection: Projection) -> tuple[Fact, ...]:
    """Money and carbon, if the projection has any."""
    facts = []
    if projection.saved_cost_per_month is not None:
        facts.append(("money saved a month", _money(projection, projection.saved_cost_per_month)))
    if projection.saved_tco2e_per_month is not None:
        carbon = value(projection.saved_tco2e_per_month, "t CO2e")
        facts.append(("carbon saved a month", _noted(carbon, carbon_basis(projection))))
    return tuple(facts)


def _money(projection: Projection, cost: Estimate) -> TableCell:
    """The saving, with the kind of money: price of electricity, or price of node-hours."""
    cell = value(cost, projection.currency or "")
    kinds = [line.label or line.note for line in projection.lines if line.value == cost]
    return _noted(cell, plain(kinds[0])) if kinds and kinds[0] else cell


def _noted(cell: TableCell, words: str) -> TableCell:
    """The cell with words behind its note: its interval, which an exact value lacks."""
    return cell._replace(note=f"{cell.note} ({words})" if cell.note else words)


def _direction(projection: Projection) -> str:
    energy = projection.saved_mwh_per_month
    if energy is None and projection.solution is not None:
        return (
            "the publication leaves quantities open, so that no saving is derived; the claims are "
            "solved for these quantities."
        )
    if energy is None:
        return "it does not give a saving of energy."
    if energy.low > 0:
        return "the gross energy that the candidate's fleet saves for the same work."
    if energy.high < 0:
        return "negative, because the candidate's fleet uses more energy for the same work."
    return "the interval contains 0, so that a saving is not shown."


def _score(claims: Sequence[Claim]) -> TableCell | None:
    """'4 of 7 consistent', with the note '3 need more than was published'. Plausibility checks and
    figures whose inputs were inferred from the figure itself do not count; None if no claim counts.
    """
    counted = [claim for claim in claims if claim.kind == "published" and not claim.circular]
    if not counted:
        return None
    counts: Counter[str] = Counter(_count(claim) for claim in counted)
    others = [
        f"{counts[verdict]} {words[counts[verdict] == 1]}"
        for verdict, words in _COUNTS.items()
        if counts[verdict]
    ]
    return TableCell(f"{counts['consistent']} of {len(counted)} consistent", ", ".join(others))


def _count(claim: Claim) -> str:
    """The key of _COUNTS under which a claim counts."""
    return "fixes" if _fixes(claim) else claim.verdict


def _fixes(claim: Claim) -> bool:
    """Whether the figure alone determines an open quantity: it would be consistent whatever it
    were.
    """
    return bool(claim.fixes) and claim.verdict == "consistent"


def _verdict(claim: Claim) -> tuple[str, Tone]:
    if _fixes(claim):
        return f"fixes {plain(' and '.join(claim.fixes))}, no evidence", "warn"
    return _VERDICTS[claim.verdict]


# ---------------------------------------------------------------- tables


def sections(projections: Sequence[Projection]) -> tuple[Section, ...]:
    """Claims, then their solution, then the sensitivity, then lines with their inputs."""
    claims = tuple(_claims(projection) for projection in projections if projection.claims)
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
        Section("claims", "Claims", claims_about, claims),
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
        value(line.value, line.unit),
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
        return value(used.value, used.unit)
    low, high = used.stated
    words = f"stated range: {published(low)} to {published(high, used.unit)}"
    if used.range == "limits":
        words += ", limits"
    return TableCell(published(used.value.value, used.unit), words if low < high else "")


def _claims(projection: Projection) -> Table:
    """Claimed beside derived; of a mean that the publication does not name, a further row for each
    mean. The axis shows derived / claimed: the claim is at 1.
    """
    rows, ratios, tones = [], [], []
    for claim in projection.claims:
        words, tone = _verdict(claim)
        claimed = TableCell(_OPERATORS[claim.operator] + published(claim.claimed, claim.unit))
        name = TableCell(_name(claim), plain(claim.source))
        why = TableCell(plain(claim.why), _needs(claim))
        entries = [(name, claim.derived, words, tone, why)]
        entries += [_under_mean(claim, one) for one in claim.by_mean]
        for name, derived, words, tone, why in entries:
            verdict = TableCell(words, tone=tone)
            rows.append((name, claimed, _derived(claim, derived), verdict, why))
            ratios.append(_over_claimed(claim, derived))
            tones.append(tone)
    axis, marks = ratio_axis("derived / claimed", ratios, tones=tones)
    head = ("claim", "claimed", "derived", "verdict", "why")
    return Table(heading(projection), head, tuple(rows), axis=axis, marks=marks)


def _under_mean(claim: Claim, one: MeanValue) -> tuple[TableCell, Estimate, str, Tone, TableCell]:
    """Name, figure, verdict with its tone, and an empty reason."""
    name = TableCell(f"{plain(claim.name)} as {plain(one.mean)} mean")
    if claim.untested:
        holds = "holds" if one.holds else "does not hold"
        return name, one.value, f"{holds} over a part of the applications", "warn", TableCell("")
    if one.holds:
        return name, one.value, "holds", "good", TableCell("")
    return name, one.value, "does not hold", "bad", TableCell("")


def _name(claim: Claim) -> str:
    """The name of a claim, with its mean or application and its kind if the name lacks them."""
    name = plain(claim.name)
    if claim.of == "not said":
        name += " (mean not said)"
    elif claim.of in _MEANS:
        name += f" ({claim.of} mean)"
    elif claim.of and claim.of.casefold() not in claim.name.casefold():
        name += f" ({plain(claim.of)})"
    return f"plausibility of {name}" if claim.kind == "plausibility-check" else name


def _derived(claim: Claim, derived: Estimate | None) -> TableCell:
    """The derived figure with digits enough to tell it from the claim."""
    if derived is None:
        return or_dash(None)
    if claim.solved:
        reach = show_range(derived.low, derived.high, plain(claim.unit))
        return TableCell(reach, "over all solutions")
    text, _, interval = show_beside(derived, claim.claimed, plain(claim.unit)).partition(" [")
    return TableCell(text, f"[{interval}" if interval else "")


def _needs(claim: Claim) -> str:
    return plain(f"needs {'; or '.join(claim.needs)}") if claim.needs else ""


def _over_claimed(claim: Claim, derived: Estimate | None) -> Estimate | None:
    if derived is None or claim.claimed <= 0:
        return None
    return Estimate(
        value=derived.value / claim.claimed,
        low=derived.low / claim.claimed,
        high=derived.high / claim.claimed,
    )
