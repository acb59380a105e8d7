"""A scenario and measured comparisons → MWh, money and CO2e a month, line by line, and published
claims against what their inputs give.

Every line is computed from the base inputs, never from the interval of the line above: what two
lines share stays shared (JCGM 101:2008).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from energybench.analysis.uncertainty.effects import propagate
from energybench.errors import BadInput
from energybench.model import (
    TIME_X_ASSUMED_POWER,
    BoundaryName,
    Claim,
    Comparison,
    Doubt,
    DoubtCode,
    Estimate,
    Input,
    Line,
    NonNegative,
    Noun,
    Positive,
    Projection,
)
from energybench.projecting import fleet, mix
from energybench.projecting.formula import Formula, Step, parse

ABOVE = "line above"
RESULTS = {
    "saved_mwh_per_month": "MWh",
    "saved_cost_per_month": "",
    "saved_tco2e_per_month": "t CO2e",
}


class Given(Noun, frozen=True, kw_only=True):
    """An input of a scenario.

    `measured`: the quantity of a comparison that replaces it; `value` None: only a comparison can
    give it.
    """

    name: str
    value: Estimate | None
    unit: str
    source: str
    evidence: Literal["seen", "inferred", "assumed"] | None = None
    measured: str | None = None


class Published(Noun, frozen=True, kw_only=True):
    """A published figure and the formula that derives it from the scenario's inputs; `derived`
    None: what it rests on was not published.
    """

    name: str
    claimed: float
    unit: str = ""
    derived: str | None = None
    tolerance: NonNegative = 0.0  # relative to the claim: what its rounding allows
    source: str = ""
    why_fits: str = ""
    why_not: str = ""


class Results(Noun, frozen=True, kw_only=True):
    """Names of the lines that are the answer."""

    saved_mwh_per_month: str | None = None
    saved_cost_per_month: str | None = None
    saved_tco2e_per_month: str | None = None


class Scenario(Noun, frozen=True, kw_only=True):
    """What a scenario file says.

    `boundary`: of the powers that it states itself; a comparison brings its own.
    """

    name: str
    title: str
    about: str
    mode: Literal["throughput", "time-to-solution"]
    inputs: tuple[Given, ...]
    lines: tuple[Step, ...] = ()
    claims: tuple[Published, ...] = ()
    results: Results = Results()
    model: Literal["fleet"] | None = None
    boundary: BoundaryName = "compute"
    currency: str | None = None
    mix: dict[str, Positive] = msgspec.field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()


def project(
    scenario: Scenario, comparisons: Sequence[Comparison] = (), where: str = ""
) -> Projection:
    """Carry comparisons (none for a published claim) through a scenario. `where`: the scenario's
    file or name, for error messages.

    Raises BadInput where a key is missing, a reference leads nowhere, a formula has no finite
    result, or comparison and scenario don't fit.
    """
    where = where or scenario.name
    found = _measured(scenario, comparisons, where)
    chain = _Chain(_inputs(scenario, found, bool(comparisons), where), scenario, where)
    lines = [chain.add(step) for step in found.steps]
    results, doubts = scenario.results, list(found.doubts)
    given = {
        **chain.inputs,
        **{
            line.name: Input(name=line.name, value=line.value, unit=line.unit, source=ABOVE)
            for line in lines
        },
    }
    boundary = comparisons[0].boundary if comparisons else scenario.boundary
    fleet.check_overhead(given, boundary, where)
    if scenario.model == "fleet":
        made = fleet.fleet(given, scenario.mode, boundary, scenario.currency, where)
        chain.inputs.update(made.inputs)
        lines += [chain.add(step) for step in made.steps]
        doubts += made.doubts
        results = Results(
            saved_mwh_per_month=results.saved_mwh_per_month or made.saved_mwh,
            saved_cost_per_month=results.saved_cost_per_month or made.saved_cost,
            saved_tco2e_per_month=results.saved_tco2e_per_month or made.saved_tco2e,
        )
    lines += [chain.add(step) for step in scenario.lines]
    replaced = [
        given.name
        for given in scenario.inputs
        if given.name in found.inputs or (given.measured and found.steps)
    ]
    claims = tuple(_claim(claim, chain, replaced, where) for claim in scenario.claims)
    chain.check_used(scenario)
    answers = {
        name: _result(name, getattr(results, name), lines, scenario, where) for name in RESULTS
    }
    return Projection(
        scenario=scenario.name,
        title=_title(scenario, comparisons),
        lines=tuple(lines),
        currency=scenario.currency,
        claims=claims,
        saved_mwh_per_month=answers["saved_mwh_per_month"],
        saved_cost_per_month=answers["saved_cost_per_month"],
        saved_tco2e_per_month=answers["saved_tco2e_per_month"],
        doubts=tuple(
            dict.fromkeys(
                [
                    *_doubts(scenario, comparisons, found, chain, results, answers),
                    *doubts,
                    *_carried(comparisons),
                ]
            )
        ),
    )


# ---------------------------------------------------------------- inputs


def _measured(scenario: Scenario, comparisons: Sequence[Comparison], where: str) -> mix.Measured:
    if not comparisons:
        return mix.Measured({}, (), ())
    wanted = {given.name: given.measured for given in scenario.inputs if given.measured is not None}
    if not wanted:
        raise BadInput(
            where,
            "takes no comparison: none of its inputs is measured",
            'mark one, such as measured = "energy_ratio"',
        )
    return mix.measured(wanted, comparisons, scenario.mix, where)


def _inputs(
    scenario: Scenario, found: mix.Measured, compared: bool, where: str
) -> dict[str, Input]:
    """Base inputs by name: what comparisons give replaces what the scenario states."""
    mixed = {step.name for step in found.steps}
    inputs = dict(found.inputs)
    for given in scenario.inputs:
        key = f"{where}: inputs.{given.name}"
        if given.name in found.inputs and given.measured is None:
            raise BadInput(
                key, "has a name that the comparisons' own inputs use", "call it otherwise"
            )
        if given.name in found.inputs or given.name in mixed:
            continue
        if given.value is None:
            what = (
                f"the comparison has no {given.measured}"
                if compared
                else "comes from a comparison, and none was given"
            )
            raise BadInput(
                key,
                what,
                "energybench compare A B --json > FILE, then project … FILE; or state a value",
            )
        source = f"{given.evidence}: {given.source}" if given.evidence else given.source
        inputs[given.name] = Input(
            name=given.name, value=given.value, unit=given.unit, source=source
        )
    return inputs


class _Chain:
    """Lines over base inputs, added downward; each is estimated from the base inputs that it rests
    on.
    """

    def __init__(self, inputs: dict[str, Input], scenario: Scenario, where: str) -> None:
        self.inputs, self.where = inputs, where
        self.below = [
            step.name for step in scenario.lines
        ]  # for a message: named, but further down
        self.lines: dict[str, tuple[Step, Formula, Estimate]] = {}
        self.values: dict[str, float] = {}
        self.used: set[str] = set()

    def add(self, step: Step) -> Line:
        """Check and estimate a line. Raises BadInput."""
        key = f"{self.where}: lines.{step.name}"
        if step.name in self.lines or step.name in self.inputs:
            raise BadInput(
                key,
                f"is also the name of {'a line above' if step.name in self.lines else 'an input'}",
                "one name, one meaning",
            )
        formula = self._checked(step.formula, key, step.name)
        value = self.estimate(formula, key)
        used = tuple(self._input(name) for name in formula.names)
        self.lines[step.name] = (step, formula, value)
        return Line(
            name=step.name,
            value=value,
            unit=step.unit,
            formula=formula.text,
            inputs=used,
            note=step.note,
        )

    def derive(self, text: str, key: str) -> tuple[Estimate, set[str]]:
        """Of a formula that is no line of its own: its estimate, and all names that it rests on."""
        formula = self._checked(text, key, "")
        base, needed = self.rests_on(formula)
        return self.estimate(formula, key), {*base, *needed}

    def estimate(self, formula: Formula, key: str) -> Estimate:
        self.values.update(
            {
                name: entry.value.value
                for name, entry in self.inputs.items()
                if name not in self.values
            }
        )
        base, needed = self.rests_on(formula)
        self.values.update(
            {
                name: self.lines[name][1].value(self.values, key)
                for name in needed
                if name not in self.values
            }
        )
        formula.value(self.values, key)
        steps = [(name, self.lines[name][1]) for name in needed]

        def compute(x: Mapping[str, object]) -> object:
            known = dict(x)
            for name, line in steps:
                known[name] = line(known)
            return formula(known)

        return propagate(compute, {name: self.inputs[name].value for name in base})

    def rests_on(self, formula: Formula) -> tuple[list[str], list[str]]:
        """Base inputs and lines (from above downward) that a formula needs, directly or not."""
        pending, seen = list(formula.names), set()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += self.lines[name][1].names if name in self.lines else ()
        return [name for name in self.inputs if name in seen], [
            name for name in self.lines if name in seen
        ]

    def inputs_of(self, line: str) -> list[str]:
        return self.rests_on(self.lines[line][1])[0]

    def check_used(self, scenario: Scenario) -> None:
        """An input that nothing uses is a misspelt one."""
        known = fleet.STANDARD if scenario.model == "fleet" else {}
        for given in scenario.inputs:
            if (
                given.name in self.inputs
                and given.name not in self.used
                and given.name not in known
            ):
                close = difflib.get_close_matches(
                    given.name, [name for name in known if name not in self.inputs], 1, 0.5
                )
                remedy = (
                    f"did you mean {close[0]}?" if close else "leave it out, or use it in a line"
                )
                raise BadInput(
                    f"{self.where}: inputs.{given.name}", "is used by no line and no claim", remedy
                )

    def _checked(self, text: str, key: str, itself: str) -> Formula:
        formula = parse(text, key)
        for name in formula.names:
            if name in self.inputs or name in self.lines:
                continue
            if name == itself:
                raise BadInput(
                    key, "refers to itself", "a line stands on inputs and on lines above it"
                )
            if name in self.below:
                raise BadInput(
                    key,
                    f"refers to {name}, which stands further down",
                    "move that line up; two lines cannot stand on each other",
                )
            have = [*self.inputs, *self.lines]
            close = difflib.get_close_matches(name, have, 3, 0.5)
            remedy = f"did you mean {' or '.join(close)}?" if close else f"have {', '.join(have)}"
            raise BadInput(key, f"refers to {name}, which is no input and no line", remedy)
        self.used.update(formula.names)
        return formula

    def _input(self, name: str) -> Input:
        if name in self.inputs:
            return self.inputs[name]
        step, _, value = self.lines[name]
        return Input(name=name, value=value, unit=step.unit, source=ABOVE)


# ---------------------------------------------------------------- results, claims, doubts


def _result(
    name: str, line: str | None, lines: Sequence[Line], scenario: Scenario, where: str
) -> Estimate | None:
    """The line that is an answer.

    Its unit is checked: a figure in another unit would pass for one a thousand times larger.
    """
    if line is None:
        return None
    key = f"{where}: results.{name}"
    found = next((entry for entry in lines if entry.name == line), None)
    if found is None:
        raise BadInput(
            key,
            f"names {line}, which is no line",
            "one of " + ", ".join(entry.name for entry in lines),
        )
    unit = RESULTS[name] or scenario.currency
    if unit is None:
        raise BadInput(
            f"{where}: currency", f"is missing, and results.{name} is money", 'currency = "USD"'
        )
    if found.unit != unit:
        raise BadInput(
            key,
            f"names {line}, whose unit is {found.unit!r}",
            f"the unit of this result is {unit!r}",
        )
    return found.value


def _claim(claim: Published, chain: _Chain, replaced: Sequence[str], where: str) -> Claim:
    """A claim fits where the derived interval holds it, or where it is as near as its own rounding.

    The scenario's reasons are about its own inputs; where a comparison `replaced` one of them, the
    reason says just that.
    """
    if claim.derived is None:
        said = claim.why_not or "what it rests on was not published"
        return Claim(
            name=claim.name,
            claimed=claim.claimed,
            derived=None,
            fits=None,
            why=said,
            unit=claim.unit,
            source=claim.source,
        )
    derived, names = chain.derive(claim.derived, f"{where}: claims.{claim.name}.derived")
    held = derived.low <= claim.claimed <= derived.high
    fits = held or abs(derived.value - claim.claimed) <= claim.tolerance * abs(claim.claimed)
    plain = (
        "the derived interval holds it"
        if held
        else f"it is within {claim.tolerance:.2g} of it"
        if fits
        else "the derived interval does not hold it"
    )
    own = [name for name in replaced if name in names]
    said = (
        f"with the comparison's {', '.join(own)}: {plain}"
        if own
        else (claim.why_fits if fits else claim.why_not) or plain
    )
    return Claim(
        name=claim.name,
        claimed=claim.claimed,
        derived=derived,
        fits=fits,
        why=said,
        unit=claim.unit,
        source=claim.source,
    )


def _title(scenario: Scenario, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return scenario.title
    what = (
        mix.label(comparisons[0])
        if len(comparisons) == 1
        else f"mix of {len(comparisons)} applications"
    )
    return f"{scenario.title}: {what}" + (
        f" ({TIME_X_ASSUMED_POWER})"
        if any(mix.assumed(comparison) for comparison in comparisons)
        else ""
    )


def _doubts(
    scenario: Scenario,
    comparisons: Sequence[Comparison],
    found: mix.Measured,
    chain: _Chain,
    results: Results,
    answers: Mapping[str, Estimate | None],
) -> list[Doubt]:
    made = list(scenario.doubts)
    if any(mix.assumed(comparison) for comparison in comparisons):
        message = (
            "a side has no energy sensor: this carries times x assumed powers through the scenario"
        )
        made.append(
            Doubt(
                code="time-x-assumed-power",
                message=message,
                remedy="open a sensor on that side: `energybench doctor`",
            )
        )
    fallen_back = [
        g.name
        for g in scenario.inputs
        if g.measured and g.name in chain.inputs and g.name not in found.inputs
    ]
    if fallen_back and (comparisons or scenario.model == "fleet"):
        whose = "not in the comparison" if comparisons else "no comparison was given"
        message = f"{whose}: {', '.join(fallen_back)} as the scenario states"
        made.append(
            Doubt(
                code="comparison-incomplete",
                message=message,
                remedy="--idle 60 on both sides"
                if comparisons
                else "energybench compare A B --json",
            )
        )
    if comparisons and scenario.claims:
        message = (
            "inputs of the published claims were replaced by the comparison: the claims are tested "
            "against what was measured here"
        )
        made.append(
            Doubt(
                code="claims-with-own-inputs",
                message=message,
                remedy="without a comparison the claims are tested against their own inputs",
            )
        )
    named = [line for name in RESULTS if (line := getattr(results, name)) is not None]
    base = {name for line in named or chain.lines for name in chain.inputs_of(line)}
    codes: dict[str, DoubtCode] = {"inferred": "inferred-inputs", "assumed": "assumed-inputs"}
    for word, code in codes.items():
        names = [
            g.name
            for g in scenario.inputs
            if g.evidence == word and g.name in base and g.name not in found.inputs
        ]
        if names:
            made.append(
                Doubt(
                    code=code,
                    message=f"{word}, not read in a source: {', '.join(names)}",
                    remedy="state your own, with low and high",
                )
            )
    saved = answers["saved_mwh_per_month"]
    if saved is not None and saved.low <= 0 <= saved.high:
        message = "the interval of the energy saved holds 0: a saving is not shown"
        made.append(
            Doubt(
                code="saving-not-shown",
                message=message,
                remedy="the largest effects of that line say what to know better",
            )
        )
    return made


def _carried(comparisons: Sequence[Comparison]) -> list[Doubt]:
    """The doubts of the comparisons; of several comparisons, each with its application."""
    several = len(comparisons) > 1
    return [
        doubt.carried_from(mix.label(comparison)) if several else doubt
        for comparison in comparisons
        for doubt in comparison.doubts
    ]
