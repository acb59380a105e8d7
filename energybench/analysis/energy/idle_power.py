"""Idle power from one or more idle phases: their mean, the drift between them as an effect, and a
doubt where they disagree. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import combine, not_negative, rectangular
from energybench.model import Doubt, Effect, Estimate, Idle, Window

LABEL = "idle"
BEFORE = "before the work, no context held, sensors polled"
AFTER = "after the work, no context held, sensors polled"
# a change that matters to net energy whatever its cause: the meters of the loosest level of EE HPC
# WG are good to 5 %
_DRIFTED = 0.05
_CERTAIN = 3.0  # standard uncertainties beyond which a change is real,
_MATTERS = 0.01  # and matters from 1 % on, the accuracy that the strictest level asks of a meter


class Phase(NamedTuple):
    """Idle power in one window. random: effects of this window alone; common: those that other
    windows share.
    """

    window: Window
    power_w: float
    random: tuple[Effect, ...]
    common: tuple[Effect, ...]

    @property
    def state(self) -> str:
        return self.window.note or BEFORE  # records from before there were two phases have no note


def idles(phases: Sequence[Phase]) -> tuple[Idle, ...]:
    """Each phase with its own interval."""
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
    """Mean of the phases. While the work ran, the idle power was somewhere between them: one drift,
    the same for every window that uses it.

    Runs of one session were idle at the same times, so they share the drift.
    """
    if not phases:
        return None
    n = len(phases)
    effects = [_times(effect, 1 / n) for phase in phases for effect in phase.random]
    shared: dict[tuple[str, str, str | None], Effect] = {}
    for effect in (
        effect for phase in phases for effect in phase.common
    ):  # the same error in each phase: adds up linearly
        place = (effect.name, effect.distribution, effect.key)
        held = shared.get(place)
        shared[place] = _times(effect, 1 / n, held.u if held else 0.0)
    drift = (phases[-1].power_w - phases[0].power_w) / 2
    if drift:
        effects.append(
            rectangular(
                "idle power: drift between its phases",
                drift,
                f"idle-drift:{session}" if session else None,
            )
        )
    return not_negative(
        combine(sum(phase.power_w for phase in phases) / n, (*effects, *shared.values()))
    )


def state(phases: Sequence[Phase]) -> str | None:
    """Which idle the mean is, in words."""
    states = list(dict.fromkeys(phase.state for phase in phases))
    if states == [BEFORE, AFTER]:
        return "before and " + AFTER
    return "; ".join(states) or None


def doubts(phases: Sequence[Phase]) -> tuple[Doubt, ...]:
    """Where the idle before and the idle after are not the same."""
    if len(phases) < 2:
        return ()
    first, last = phases[0], phases[-1]
    apart, level = abs(last.power_w - first.power_w), max(first.power_w, last.power_w)
    own = math.sqrt(sum(effect.u**2 for phase in (first, last) for effect in phase.random))
    if apart <= _DRIFTED * level and not (apart > _CERTAIN * own and apart > _MATTERS * level):
        return ()
    message = (
        f"idle power was {first.power_w:.4g} W {first.state.split(',')[0]} and {last.power_w:.4g} "
        f"W {last.state.split(',')[0]}"
    )
    return (
        Doubt(
            code="idle-drift",
            message=message,
            remedy="a quieter machine, or a longer --idle; net energy carries the difference",
        ),
    )


def _times(effect: Effect, factor: float, plus: float = 0.0) -> Effect:
    return Effect(
        name=effect.name,
        u=effect.u * factor + plus,
        distribution=effect.distribution,
        dof=effect.dof,
        key=effect.key,
    )
