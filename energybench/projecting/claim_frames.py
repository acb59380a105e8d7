"""The inputs with which a published claim is derived: those of the comparison of its application,
those of all comparisons under a mean, or those of the publication.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.formula import Formula
from energybench.model import Comparison, Estimate, Input
from energybench.projecting import estimating, mix
from energybench.projecting.line_chain import LineChain
from energybench.projecting.scenario import MEANS, NOT_SAID, PublishedClaim, Scenario

_LARGEST = "largest"  # of all applications: an upper limit holds for each of them

_MEAN: Mapping[str, Callable[[Any], Any]] = {
    "arithmetic": lambda values: np.mean(values, axis=0),
    "geometric": lambda values: np.exp(np.mean(np.log(values), axis=0)),
    _LARGEST: lambda values: np.max(values, axis=0),
}


class Derivation(NamedTuple):
    """A formula over the inputs of one frame, or its mean over several frames.

    mean      a name of MEANS, or _LARGEST; "" if there is a single frame
    tested    label of the comparisons behind the frames; "" for published inputs
    untested  applications that the figure is about and of which there is no comparison
    """

    formula: Formula
    frames: tuple[LineChain, ...]
    mean: str = ""
    tested: str = ""
    untested: tuple[str, ...] = ()

    @property
    def unknowns(self) -> list[str]:
        return self.frames[0].needs(self.formula).unknowns

    @property
    def inputs(self) -> list[tuple[str, Input]]:
        """Base inputs of all frames; an input that frames share stands once."""
        entries = [
            (name, frame.inputs[name])
            for frame in self.frames
            for name in frame.needs(self.formula).inputs
        ]
        return [entry for i, entry in enumerate(entries) if entry not in entries[:i]]

    @property
    def replaced(self) -> bool:
        return any(frame.is_replaced(frame.needs(self.formula)) for frame in self.frames)

    def compute(self, values: Callable[[int, str], Any]) -> Any:
        """The figure. values: (number of the frame, name of an input or unknown) → number or
        array.
        """
        results = []
        for i, frame in enumerate(self.frames):
            needs = frame.needs(self.formula)
            names = {name: values(i, name) for name in (*needs.inputs, *needs.unknowns)}
            results.append(frame.compute(self.formula, needs.lines, names))
        if len(results) == 1:
            return results[0]
        with np.errstate(all="ignore"):
            return _MEAN[self.mean](np.broadcast_arrays(*results))

    def estimate(self, key: str) -> Estimate:
        """The derived figure, if no unknown is needed. Raises BadInput if it is not finite."""
        if len(self.frames) == 1:
            return self.frames[0].estimate(self.formula, key)
        for frame in self.frames:
            frame.estimate(self.formula, key)  # refuses a result that is not finite
        # inputs that differ between frames have a name for each frame
        inputs: dict[str, Input] = {}
        for i, frame in enumerate(self.frames):
            for name in frame.needs(self.formula).inputs:
                inputs[self._name(i, name)] = frame.inputs[name]
        return estimating.estimate(
            lambda draws: self.compute(lambda i, name: draws[self._name(i, name)]),
            inputs,
            self.formula.text,
            key,
        )

    def _name(self, i: int, name: str) -> str:
        shared = all(frame.inputs.get(name) == self.frames[0].inputs[name] for frame in self.frames)
        return name if shared else f"{name} {i}"


class ClaimFrames:
    """Frames for the claims of a scenario.

    chain     the lines over the inputs of all comparisons together
    wanted    name of an input or unknown → quantity of a comparison that replaces it
    """

    def __init__(
        self,
        scenario: Scenario,
        chain: LineChain,
        comparisons: Sequence[Comparison],
        wanted: Mapping[str, str],
    ) -> None:
        self._scenario, self._chain = scenario, chain
        self._comparisons, self._wanted = comparisons, wanted
        # comparisons of other work say nothing about the claims, with a share of [mix] or without
        applications = scenario.applications
        self._matching = [
            one
            for one in comparisons
            if not applications or any(mix.is_application(one, name) for name in applications)
        ]

    def derivations(self, claim: PublishedClaim, formula: Formula) -> tuple[Derivation, ...]:
        """How the claim is derived: once, or under each mean if the mean is not said; empty if a
        published input has no value, or if every comparison is of other work.
        """
        of_mean = claim.of in (*MEANS, NOT_SAID)
        if claim.of and not of_mean and self._comparisons:
            matching = [one for one in self._comparisons if mix.is_application(one, claim.of)]
            if not matching:
                return self._published(formula)
            tested = ", ".join(mix.label(one) for one in matching)
            return (Derivation(formula, (self._measured(matching),), tested=tested),)
        whole = Derivation(formula, (self._chain,))
        if whole.replaced and not self._matching:
            return ()
        if whole.replaced and len(self._matching) < len(self._comparisons):
            whole = Derivation(formula, (self._measured(self._matching),))
        untested = self._untested(claim, of_mean) if whole.replaced else ()
        tested = ", ".join(mix.label(one) for one in self._matching)
        tested += self._coverage(untested, of_mean)
        whole = whole._replace(tested=tested, untested=untested)
        several = len(self._matching) > 1 and whole.replaced
        if several and claim.op == "up to" and not claim.of:
            frames = tuple(self._measured([one]) for one in self._matching)
            return (Derivation(formula, frames, _LARGEST, tested, untested),)
        if not of_mean or not several:
            return (whole._replace(mean=claim.of) if claim.of in MEANS else whole,)
        means = MEANS if claim.of == NOT_SAID else (claim.of,)
        frames = tuple(self._measured([one]) for one in self._matching)
        return tuple(
            whole._replace(mean=mean)
            if mean == "energy-weighted"
            else Derivation(formula, frames, mean, tested, untested)
            for mean in means
        )

    def is_of_other_work(self, formula: Formula) -> bool:
        """Whether the formula uses quantities of comparisons, and all comparisons are of other work
        than the publication's applications.
        """
        return not self._matching and Derivation(formula, (self._chain,)).replaced

    def _untested(self, claim: PublishedClaim, of_mean: bool) -> tuple[str, ...]:
        """Applications of a figure over several applications of which there is no comparison.

        A mean, and a limit for every application, is over all applications of the scenario. A
        figure of the whole is over those of [mix], of which every one has a comparison.
        """
        applications = self._scenario.applications
        if self._scenario.mix and not of_mean and claim.op != "up to":
            return ()
        return tuple(
            name
            for name in applications
            if not any(mix.is_application(one, name) for one in self._matching)
        )

    def _coverage(self, untested: Sequence[str], of_mean: bool) -> str:
        """' (2 of the 4 applications)' if the comparisons lack an application of the scenario."""
        if not untested:
            return ""
        count = len(self._scenario.applications)
        words = f"{count - len(untested)} of the {count} applications"
        return f" ({words} of the mean)" if of_mean else f" ({words})"

    def _published(self, formula: Formula) -> tuple[Derivation, ...]:
        """The scenario's own inputs, none replaced."""
        inputs = {
            entry.name: entry.stated_input
            for entry in self._scenario.inputs
            if entry.value is not None
        }
        # the model takes some inputs for granted; they stand in the chain alone
        granted = {
            name: entry
            for name, entry in self._chain.inputs.items()
            if name not in self._chain.replaced
        }
        unknowns = [unknown.name for unknown in self._scenario.unknowns]
        frame = self._chain.framed({**granted, **inputs}, unknowns)
        return (Derivation(formula, (frame,)),) if frame.resolves(formula) else ()

    def _measured(self, comparisons: Sequence[Comparison]) -> LineChain:
        """The inputs of one application; of several comparisons, of their mix in equal shares."""
        given = mix.measured(self._wanted, comparisons, {}, self._chain.where)
        replaced = {*given.inputs, *(step.name for step in given.steps)}
        kept = {
            name: entry
            for name, entry in self._chain.inputs.items()
            if name not in self._chain.replaced and name not in replaced
        }
        # a quantity that this comparison lacks keeps the scenario's value
        for entry in self._scenario.inputs:
            if entry.name not in replaced and entry.value is not None:
                kept[entry.name] = entry.stated_input
        unknowns = [
            unknown.name for unknown in self._scenario.unknowns if unknown.name not in replaced
        ]
        return self._chain.framed({**kept, **given.inputs}, unknowns, given.steps, replaced)
