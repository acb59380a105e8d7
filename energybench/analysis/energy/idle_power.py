"""Idle power from one or two idle phases: the mean, and the drift between the phases. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from energybench.analysis.uncertainty.effects import combine, not_negative, rectangular
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Doubt, Effect, Estimate, Idle, Window

BEFORE = "before the work, no context held, sensors polled"
AFTER = "after the work, no context held, sensors polled"
# A change of idle power that matters for net energy, from any cause: meters of the loosest level of
# EE HPC WG are accurate to 5 %.
_DRIFTED = 0.05
# A change of more than this many standard uncertainties is real, and a real change matters from 1 %
# on, the accuracy required of a meter by the strictest level of EE HPC WG.
_CERTAIN = 3.0
_MATTERS = 0.01


class Phase(NamedTuple):
    """Idle power in a window.

    random  effects of this window alone
    common  effects shared with other windows
    """

    window: Window
    power_w: float
    random: tuple[Effect, ...]
    common: tuple[Effect, ...]

    @property
    def state(self) -> str:
        return self.window.note or BEFORE  # a single phase before the work may have no note


def idles(phases: Sequence[Phase]) -> tuple[Idle, ...]:
    """The phases with their own intervals."""
    return tuple(
        Idle(
            state=phase.state,
            start_s=phase.window.start_s,
            end_s=phase.window.end_s,
            power_w=not_negative(combine(phase.power_w, phase.random + phase.common)),
        )
        for phase in phases
    )


def power(phases: Sequence[Phase], session: str | None) -> Estimate | None:
    """Mean power of the phases; None without a phase.

    While the work ran, the idle power was somewhere between the phases. The difference is a single
    effect, the same for every window that uses the idle power. Interleaved runs of a session were
    idle at the same times and share the effect.
    """
    if not phases:
        return None
    n = len(phases)
    effects = [_scaled(effect, 1 / n) for phase in phases for effect in phase.random]
    # A common effect is the same error in each phase, so its contributions add linearly.
    common: dict[tuple[str, str, str | None], Effect] = {}
    for phase in phases:
        for effect in phase.common:
            identity = (effect.name, effect.distribution, effect.key)
            earlier = common.get(identity)
            common[identity] = _scaled(effect, 1 / n, earlier.u if earlier else 0.0)
    drift_w = (phases[-1].power_w - phases[0].power_w) / 2
    if drift_w:
        key = f"idle-drift:{session}" if session else None
        effects.append(rectangular("idle-drift", drift_w, key=key))
    mean_w = arithmetic_mean([phase.power_w for phase in phases])
    return not_negative(combine(mean_w, (*effects, *common.values())))


def state(phases: Sequence[Phase]) -> str | None:
    """In words, the phases behind the mean; None without a phase."""
    states = list(dict.fromkeys(phase.state for phase in phases))
    if states == [BEFORE, AFTER]:
        return "before and " + AFTER
    return "; ".join(states) or None


def doubts(phases: Sequence[Phase]) -> tuple[Doubt, ...]:
    """A doubt if the idle power before the work and the idle power after the work differ."""
    if len(phases) < 2:
        return ()
    first, last = phases[0], phases[-1]
    apart_w, level_w = abs(last.power_w - first.power_w), max(first.power_w, last.power_w)
    u_w = math.sqrt(sum(effect.u**2 for phase in (first, last) for effect in phase.random))
    certain = apart_w > _CERTAIN * u_w and apart_w > _MATTERS * level_w
    if apart_w <= _DRIFTED * level_w and not certain:
        return ()
    return (
        Doubt(
            code="idle-drift",
            message=f"idle power was {first.power_w:.4g} W {_when(first)} and "
            f"{last.power_w:.4g} W {_when(last)}",
            remedy="a quieter machine, or a longer --idle; net energy carries the difference",
        ),
    )


def _when(phase: Phase) -> str:
    """'before the work': the first words of the phase's state."""
    return phase.state.split(",")[0]


def _scaled(effect: Effect, factor: float, plus: float = 0.0) -> Effect:
    return msgspec.structs.replace(effect, u=effect.u * factor + plus)
