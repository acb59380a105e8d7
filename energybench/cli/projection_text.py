"""A projection in a terminal: the answer, the published figures, their solution, every line by
group, inputs and doubts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from energybench.cli import doubt_lines, sensitivity_text, summary
from energybench.foreign_text import visible
from energybench.model import (
    Claim,
    Effect,
    Input,
    Line,
    Projection,
    Solution,
    Unknown,
    carbon_basis,
    is_of_recording,
    stamp_words,
)
from energybench.units import SHARE, show, show_beside, show_figure
from energybench.value_ranges import show_range, show_stated, show_within

if TYPE_CHECKING:
    from energybench.analysis.uncertainty.effect_words import EffectNames

_EFFECTS = 3  # the number of largest effects to name
_OPERATORS = {
    "=": "",
    "at-least": "at least ",
    "at-most": "at most ",
    "up-to": "up to ",
    "about": "about ",
}


def text(result: Projection) -> str:
    """The answer first, then claims, solution, lines, inputs and doubts."""
    rows = [f"{stamp_words(result.stamps)}{result.title}"]
    if result.about:
        rows.append(f"  {result.about}")
    rows += _answer(result)
    if result.claims:
        rows += ["claims", *(row for claim in result.claims for row in _claim(claim, result))]
        rows += _score(result)
    if result.solution is not None:
        partly = [claim.name for claim in result.claims if claim.untested]
        rows += _solution(result.solution, partly)
    if result.lines:
        rows += ["lines", *_lines(result.lines)]
    if result.base_inputs:
        rows += ["inputs", *_inputs(result.base_inputs)]
    if result.sensitivity is not None:
        rows += sensitivity_text.rows(result, result.sensitivity)
    rows = [visible(row) for row in rows]
    if result.doubts:
        rows += [
            "doubts",
            *doubt_lines.doubts(result.doubts),
            *doubt_lines.explained(result.doubts),
        ]
    return "\n".join(rows)


def _answer(result: Projection) -> list[str]:
    saved = [
        f"{name} {show(value, unit, prefixed=False)}{f' ({kind})' if kind else ''}"
        for name, value, unit, kind in (
            ("energy", result.saved_mwh_per_month, "MWh", ""),
            ("money", result.saved_cost_per_month, result.currency or "", _of_money(result)),
            ("carbon", result.saved_tco2e_per_month, "t CO2e", carbon_basis(result)),
        )
        if value is not None
    ]
    if not saved:
        reason = "not stated by this scenario"
        if result.solution is not None:
            reason = "not derived: the publication leaves quantities open (see solution)"
        return [f"saved a month: {reason}"]
    rows = ["saved a month: " + "   ".join(saved)]
    # late: `energybench --help` analyses nothing
    from energybench.analysis.uncertainty.effect_words import EffectNames

    energy = result.saved_mwh_per_month
    if energy is not None and energy.effects:
        largest = sorted(energy.effects, key=lambda effect: -abs(effect.u))[:_EFFECTS]
        names = EffectNames(energy.effects)
        rows.append(
            "  largest effects on the energy saved, as standard uncertainty: "
            + ", ".join(
                f"{_effect_words(result, names, effect)} {abs(effect.u):.2g} MWh"
                for effect in largest
            )
        )
    return rows


def _effect_words(result: Projection, names: EffectNames, effect: Effect) -> str:
    """The label of an input, or the name of another effect."""
    label = result.label_of(effect.name)
    return names.name(effect) if label == effect.name else label


def _of_money(result: Projection) -> str:
    """The kind of money: the label of the line that holds the answer."""
    for line in result.lines:
        if line.value == result.saved_cost_per_month:
            return line.label or line.note
    return ""


# ---------------------------------------------------------------- published figures


def _claim(claim: Claim, result: Projection) -> list[str]:
    claimed = f"{_OPERATORS[claim.operator]}{show_figure(claim.claimed, claim.unit)}"
    derived = ""
    if claim.derived is not None and claim.solved:
        reach = show_range(claim.derived.low, claim.derived.high, claim.unit)
        derived = f", over all solutions {reach}"
    elif claim.derived is not None:
        derived = f", derived {show_beside(claim.derived, claim.claimed, claim.unit)}"
    verdict = summary.claim_verdict(claim, replayed=is_of_recording(claim, result))
    kind = "plausibility of " if claim.kind == "plausibility-check" else ""
    rows = [f"  {kind}{claim.name}{_of(claim)}: claimed {claimed}{derived}: {verdict}"]
    if claim.by_mean:
        means = [f"{one.mean} {show_beside(one.value, claim.claimed)}" for one in claim.by_mean]
        rows.append(f"      as a mean: {', '.join(means)}")
    rows.append(f"      {claim.why}")
    words = ("needs", *["or"] * len(claim.needs))
    return rows + [f"      {word} {need}" for word, need in zip(words, claim.needs, strict=False)]


def _of(claim: Claim) -> str:
    """The mean or the application of a figure, if its name does not say it."""
    if claim.of == "not said":
        return " (mean not said)"
    if claim.of in ("arithmetic", "geometric", "energy-weighted"):
        return f" ({claim.of} mean)"
    if not claim.of or claim.of.casefold() in claim.name.casefold():
        return ""
    return f" ({claim.of})"


def _score(result: Projection) -> list[str]:
    """Verdicts on published figures; plausibility checks and circular figures do not count."""
    counted = [claim for claim in result.claims if claim.kind == "published" and not claim.circular]
    if not counted:
        return []
    words = [
        f"{count} {count_words}"
        for verdict, count_words in summary.CLAIM_COUNTS.items()
        if (count := sum(summary.count_of(claim) == verdict for claim in counted))
    ]
    if any(is_of_recording(claim, result) for claim in counted):
        words.append("tested against a recording, not against a measurement")
    return [f"  of {len(counted)} published figures: {', '.join(words)}"]


# ---------------------------------------------------------------- the solution


def _solution(solution: Solution, partly: Sequence[str]) -> list[str]:
    """partly: names of claims that were tested over a part of their applications."""
    rows = ["solution"]
    if solution.holds:
        rows.append(f"  values with which these hold together: {'; '.join(solution.holds)}")
        if of_a_part := [name for name in solution.holds if name in partly]:
            rows.append(f"  tested over a part of the applications: {'; '.join(of_a_part)}")
        rows.append(
            "  each quantity over all solutions (and in the one nearest to the likely values)"
        )
        rows += [row for unknown in solution.unknowns for row in _unknown(unknown)]
        for entry in solution.implied:
            note = f"   ({entry.note})" if entry.note else ""
            values = _solved(entry.best, entry.solution, entry.unit)
            rows += [f"  {entry.label or entry.name}: {values}{note}", f"      = {entry.formula}"]
    if solution.fails:
        rest = " together with these" if solution.holds else ""
        rows.append(
            f"  no values in the plausible ranges satisfy{rest}: {'; '.join(solution.fails)} "
            "(see what each of them needs)"
        )
    if solution.contested:
        rows.append(
            "  each of these holds alone, but not with all others of them, and nothing decides "
            f"which of them hold: {'; '.join(solution.contested)}"
        )
    return rows


def _unknown(unknown: Unknown) -> list[str]:
    name = f"{unknown.label}, {unknown.of}" if unknown.of else unknown.label
    low, high = unknown.plausible
    plausible = f"plausible: {show_stated(low, high, unknown.unit)}; "
    if unknown.evidence != "unstated":
        plausible += f"{unknown.evidence}: "
    plausible += unknown.source
    if unknown.best is None or unknown.solution is None:
        return [f"  {name}: open", f"      {plausible}"]
    value = _solved(unknown.best, unknown.solution, unknown.unit)
    if unknown.whole:
        low, high = (100 * end / unknown.whole for end in unknown.solution)
        value += f", {show_range(low, high, '%')} of {unknown.whole_label}"
    return [f"  {name}: {value}", f"      {plausible}"]


def _solved(best: float, reach: tuple[float, float], unit: str) -> str:
    """'846 to 1 488 W (1 027 W)'; a value that the claims fix stands alone."""
    values, value = show_range(*reach, unit), show_within(best, *reach, unit)
    return values if values == value else f"{values} ({value})"


# ---------------------------------------------------------------- lines and inputs


def _lines(lines: Sequence[Line]) -> list[str]:
    """Lines by group, in the order of the groups' first lines."""
    rows = []
    for group in dict.fromkeys(line.group for line in lines):
        if group:
            rows.append(f" {group}")
        rows += _rows_of(line for line in lines if line.group == group)
    return rows


def _rows_of(lines: Iterable[Line]) -> list[str]:
    rows = []
    for line in lines:
        name = line.label or line.name
        rows.append(f"  {name}: {show(line.value, line.unit, prefixed=False)}")
        identifier = f"{line.name} = " if line.label else "= "
        rows.append(
            f"      {identifier}{line.formula}" + (f"   ({line.note})" if line.note else "")
        )
    return rows


def _inputs(inputs: Sequence[Input]) -> list[str]:
    """A row for every base input."""
    rows = []
    for entry in inputs:
        words = f"{entry.label} ({entry.name})" if entry.label else entry.name
        rows.append(f"  {words}: {_input_value(entry)}   {_source(entry)}")
    return rows


def _source(entry: Input) -> str:
    """How the value is known, and its source."""
    return f"{entry.evidence}: {entry.source}" if entry.evidence else entry.source


def _input_value(entry: Input) -> str:
    """A range that a scenario states is printed as stated, a measured value with its interval."""
    if entry.stated is None:
        return show(entry.value, entry.unit, prefixed=False)
    value = show_figure(entry.value.value, entry.unit)
    meaning = ", limits" if entry.range == "limits" else ""
    span = show_stated(*entry.stated, SHARE if entry.unit == SHARE else "")
    return f"{value} (stated range {span}{meaning})"
