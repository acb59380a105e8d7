"""Second ratios of a comparison, each over other parts than the headline: without accelerators
outside the work, and over the accelerators of the work alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from energybench.analysis.uncertainty.effects import uncombined
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Estimate, Measurement, RatioLine, Repeat

_BOARD = "gpu.board"
_NEGLIGIBLE = 1e-12  # share of an effect that is only a rounding error


class RatioOf(Protocol):
    """The ratio of two estimates without scatter, with the scatter of a quantity over repeats."""

    def __call__(
        self,
        above: Estimate,
        below: Estimate,
        quantity_of: Callable[[Repeat], float | None],
        baseline: Measurement,
        candidate: Measurement,
        /,
    ) -> Estimate: ...


def second_lines(
    baseline: Measurement, candidate: Measurement, ratio_of: RatioOf
) -> tuple[RatioLine, ...]:
    """The second ratios for which both sides have the energies."""
    return (
        *_without_idle(baseline, candidate, ratio_of),
        *_accelerators_alone(baseline, candidate, ratio_of),
    )


def without_scatter(estimate: Estimate) -> Estimate:
    """The estimate without its scatter, which enters a ratio separately."""
    effects = [effect for effect in estimate.effects if effect.kind != "scatter"]
    return uncombined(estimate.value, effects)


# ---------------------------------------------------------------- accelerators of the work alone


def _accelerators_alone(
    baseline: Measurement, candidate: Measurement, ratio_of: RatioOf
) -> tuple[RatioLine, ...]:
    """The ratio over the narrow boundary, beside that over the wide one: readers compare figures
    of both kinds, which may differ by a factor of two (arXiv 2508.15734).
    """
    energies = [
        side.components_j[_BOARD]
        for side in (baseline, candidate)
        if side.in_accelerators_j is not None and _BOARD in side.components_j
    ]
    if len(energies) < 2 or any(energy_j.low <= 0 for energy_j in energies):
        return ()

    def board_energy(repeat: Repeat) -> float | None:
        return repeat.components_j.get(_BOARD) or None

    above, below = map(without_scatter, energies)
    ratio = ratio_of(above, below, board_energy, baseline, candidate)
    label = f"accelerators of the work alone (not the boundary {baseline.boundary.name})"
    return (RatioLine(label=label, energy_ratio=ratio),)


# ---------------------------------------------------------------- without idle accelerators


def _without_idle(
    baseline: Measurement, candidate: Measurement, ratio_of: RatioOf
) -> tuple[RatioLine, ...]:
    """The ratio without accelerators outside the work.

    A second line, never the headline (EE HPC WG).
    """
    idle = [side for side in (baseline, candidate) if _unused(side) & set(side.components_j)]
    if not idle:
        return ()
    unused = _unused(baseline) | _unused(candidate)
    above, below = (_used_energy(side, unused) for side in (baseline, candidate))

    def used_energy(repeat: Repeat) -> float | None:
        return _used_energy_of_repeat(repeat, unused)

    ratio = ratio_of(above, below, used_energy, baseline, candidate)
    whose = " and ".join(dict.fromkeys(side.label for side in idle))
    label = f"without the idle accelerators of {whose} (not the boundary {baseline.boundary.name})"
    return (RatioLine(label=label, energy_ratio=ratio),)


def _unused(side: Measurement) -> frozenset[str]:
    """Names of the components outside the work."""
    return frozenset(part.reported_as for part in side.boundary.parts if part.used is False)


def _used_energy_of_repeat(repeat: Repeat, unused: frozenset[str]) -> float | None:
    """Energy without the accelerators outside the work."""
    if repeat.energy_j is None:
        return None
    return repeat.energy_j - sum(repeat.components_j.get(name, 0.0) for name in sorted(unused))


def _used_energy(side: Measurement, unused: frozenset[str]) -> Estimate:
    """Mean energy without unused accelerators, and without the effects of their energies."""
    assert side.energy_j is not None
    shares = {
        (effect.name, effect.key, effect.distribution): effect.u
        for name, estimate in side.components_j.items()
        if name in unused
        for effect in estimate.effects
    }
    effects = []
    for effect in side.energy_j.effects:
        u = effect.u - shares.get((effect.name, effect.key, effect.distribution), 0.0)
        if effect.kind != "scatter" and abs(u) > _NEGLIGIBLE * abs(effect.u):
            effects.append(msgspec.structs.replace(effect, u=u))
    energies = [
        joules
        for repeat in side.repeats
        if (joules := _used_energy_of_repeat(repeat, unused)) is not None
    ]
    return uncombined(arithmetic_mean(energies), effects)
