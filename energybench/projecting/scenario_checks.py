"""Checks of a whole scenario: names with two meanings, quantities of a comparison that would
replace two inputs, and claims and unknowns that do not belong together. Formulas are checked when
the scenario is projected.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping

from energybench.errors import BadInput
from energybench.formula import parse
from energybench.projecting import currencies, figure_texts
from energybench.projecting.fleet_inputs import STANDARD
from energybench.projecting.scenario import MEANS, NOT_SAID, PublishedClaim, Scenario
from energybench.units import WHOLE

MOST_UNKNOWNS = 8


def check(scenario: Scenario, where: str) -> None:
    """Check a scenario. Raises BadInput, in one line with file, key, problem and remedy."""
    _check_names(scenario, where)
    _check_units(scenario, where)
    _check_whole(scenario, where)
    _check_measured(scenario, where)
    _check_claims(scenario, where)
    _check_unknowns(scenario, where)
    _check_doubts(scenario, where)
    if scenario.model is None:
        # a model adds lines, and their names are known only when the model is computed
        names = {entry.name for entry in scenario.inputs}
        names |= {unknown.name for unknown in scenario.unknowns}
        names |= {step.name for step in scenario.lines}
        check_texts(scenario, names, where)


def _check_names(scenario: Scenario, where: str) -> None:
    inputs = {entry.name for entry in scenario.inputs}
    for unknown in scenario.unknowns:
        if unknown.name in inputs:
            raise BadInput(
                f"{where}: unknowns.{unknown.name}",
                "is also an input",
                "a quantity is known or unknown",
            )
        if scenario.model == "fleet" and unknown.name in STANDARD:
            raise BadInput(
                f"{where}: unknowns.{unknown.name}",
                "is an input of the fleet model, which needs a value",
                f"[inputs.{unknown.name}] with value, low and high",
            )
    _refuse_twice((claim.name for claim in scenario.claims), f"{where}: claims")
    applications = [name.casefold() for name in scenario.applications]
    _refuse_twice(applications, f"{where}: applications")
    for name in scenario.applications:
        if name in (*MEANS, NOT_SAID) or not name.strip():
            raise BadInput(
                f"{where}: applications", f"{name!r} cannot be an application", "a name of its own"
            )


def _refuse_twice(names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(f"{where}.{name}", "stands twice", "a name of its own")
        seen.add(name)


def _check_measured(scenario: Scenario, where: str) -> None:
    """One quantity of a comparison replaces one input: two inputs have two meanings."""
    owners: dict[str, str] = {}
    entries = [("inputs", entry.name, entry.measured) for entry in scenario.inputs]
    entries += [("unknowns", entry.name, entry.measured) for entry in scenario.unknowns]
    for table, name, quantity in entries:
        if quantity is None:
            continue
        if quantity in owners:
            raise BadInput(
                f"{where}: {table}.{name}.measured",
                f"is {quantity!r}, which replaces {owners[quantity]} already",
                "one quantity has one meaning: use one input in both places, or leave one out",
            )
        owners[quantity] = name


def _check_units(scenario: Scenario, where: str) -> None:
    """All units have one currency: the currency of the scenario, or the only currency in units."""
    units = [
        *((f"inputs.{entry.name}", entry.unit) for entry in scenario.inputs),
        *((f"unknowns.{entry.name}", entry.unit) for entry in scenario.unknowns),
        *((f"lines.{step.name}", step.unit) for step in scenario.lines),
        *((f"claims.{claim.name}", claim.unit) for claim in scenario.claims),
    ]
    currency = scenario.currency
    for key, unit in units:
        currencies.check_unit(unit, currency, f"{where}: {key}.unit")
        if currency is None and (codes := currencies.of_unit(unit)):
            currency = codes[0]


def _check_whole(scenario: Scenario, where: str) -> None:
    """Countable quantities, and the ends of their ranges, are whole numbers."""
    for entry in scenario.inputs:
        if entry.unit not in WHOLE or entry.value is None:
            continue
        stated = entry.stated or (entry.value.value,)
        for number in (entry.value.value, *stated):
            if number < 0 or not number.is_integer():
                raise BadInput(
                    f"{where}: inputs.{entry.name}",
                    f"{number:g} {entry.unit} is not a number of whole {entry.unit}",
                    "a whole number; a mean number of them is a quantity of another unit",
                )
    for unknown in scenario.unknowns:
        if unknown.unit in WHOLE and math.floor(unknown.high) < math.ceil(unknown.low):
            raise BadInput(
                f"{where}: unknowns.{unknown.name}",
                f"has no number of whole {unknown.unit} from {unknown.low:g} to {unknown.high:g}",
                "a range with a whole number",
            )


# ---------------------------------------------------------------- claims and unknowns


def _check_claims(scenario: Scenario, where: str) -> None:
    applications = {*map(str.casefold, scenario.claimable)}
    for claim in scenario.claims:
        key = f"{where}: claims.{claim.name}"
        known = claim.of in ("", *MEANS, NOT_SAID) or claim.of.casefold() in applications
        if not known:
            raise BadInput(f"{key}.of", _unknown_of(claim), _of_remedy(claim, scenario))
        if claim.circular and claim.derived is None:
            raise BadInput(
                f"{key}.circular",
                "stands without derived",
                "a claim without inputs is not circular",
            )
        if claim.tolerance is not None and claim.tolerance >= 1:
            share = claim.tolerance / 100
            raise BadInput(
                f"{key}.tolerance",
                f"{claim.tolerance:g} is the whole of the figure, and any figure would fit",
                f"a share of the figure: {share:g} for {claim.tolerance:g} %",
            )
        if claim.op == "about" and claim.claimed == 0:
            raise BadInput(f"{key}.op", "is about 0, of which no share is a tolerance", 'op = "="')


def _check_doubts(scenario: Scenario, where: str) -> None:
    """A doubt ends with quantities that a comparison can give."""
    measured = [entry.name for entry in scenario.inputs if entry.measured is not None]
    measured += [entry.name for entry in scenario.unknowns if entry.measured is not None]
    for i, doubt in enumerate(scenario.doubts, 1):
        for name in doubt.until_measured:
            if name not in measured:
                raise BadInput(
                    f"{where}: doubts[{i}].until_measured",
                    f"names {name}, which no comparison gives",
                    _closest(name, measured),
                )


def _unknown_of(claim: PublishedClaim) -> str:
    return f"{claim.of!r} is neither an application of this scenario nor a mean"


def _of_remedy(claim: PublishedClaim, scenario: Scenario) -> str:
    choices = [*scenario.claimable, *MEANS, NOT_SAID]
    lower = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(claim.of.casefold(), lower, 1, 0.6)
    if close:
        return f"did you mean {lower[close[0]]}?"
    return f'applications = ["{claim.of}"], or one of {", ".join(choices)}'


def _check_unknowns(scenario: Scenario, where: str) -> None:
    if len(scenario.unknowns) > MOST_UNKNOWNS:
        raise BadInput(
            f"{where}: unknowns",
            f"are {len(scenario.unknowns)}",
            f"at most {MOST_UNKNOWNS}: state the others as inputs",
        )
    used = _names_of_claims(scenario, where)
    values = {entry.name for entry in scenario.inputs} | {step.name for step in scenario.lines}
    for unknown in scenario.unknowns:
        key = f"{where}: unknowns.{unknown.name}"
        if unknown.name not in used:
            raise BadInput(
                key, "is used by no claim", "leave it out, or use it in `derived` of a claim"
            )
        if unknown.share_of and unknown.share_of not in values:
            raise BadInput(
                f"{key}.share_of",
                f"names {unknown.share_of}, which is neither an input nor a line",
                _closest(unknown.share_of, values),
            )


def _names_of_claims(scenario: Scenario, where: str) -> set[str]:
    """Names that the claims need, directly or through lines."""
    lines = {
        step.name: parse(step.formula, f"{where}: lines.{step.name}").names
        for step in scenario.lines
        if scenario.unknowns
    }
    pending = [
        name
        for claim in scenario.claims
        if claim.derived is not None and scenario.unknowns
        for name in parse(claim.derived, f"{where}: claims.{claim.name}.derived").names
    ]
    used: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            pending += lines.get(name, ())
    return used


# ---------------------------------------------------------------- texts


def check_texts(scenario: Scenario, names: Collection[str], where: str) -> None:
    """Raises BadInput if `{name}` in a text is not the name of an input, an unknown or a line."""
    texts: dict[str, Mapping[str, str]] = {
        f"lines.{step.name}": {"note": step.note, "label": step.label} for step in scenario.lines
    }
    texts |= {
        f"claims.{claim.name}": {"why_fits": claim.why_fits, "why_not": claim.why_not}
        for claim in scenario.claims
    }
    for key, entries in texts.items():
        for word, text in entries.items():
            for name in figure_texts.places(text):
                if name not in names:
                    raise BadInput(
                        f"{where}: {key}.{word}",
                        f"quotes {{{name}}}, which is neither an input, an unknown nor a line",
                        _closest(name, names),
                    )


def _closest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), 1, 0.5)
    return f"did you mean {close[0]}?" if close else "the name of an input or a line"
