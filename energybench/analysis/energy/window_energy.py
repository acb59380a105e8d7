"""Energy of a window from a curve, with the effects of that window.

`random` effects belong to this window alone (where its edges fell against the sensor's ticks, what
the sensor did not see): with one repeat they enter by model, with several the scatter holds them
already. `common` effects (lag, a lost sensor, a counter and a power reading that disagree) hit
every repeat alike and never shrink with their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy.window_edges import Edge, edges
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.part_time_sensors import in_step_j, unseen_j
from energybench.analysis.uncertainty.effects import bound, normal, rectangular
from energybench.model import Channel, Doubt, Effect, Window

# What a device may draw where its channel states no limit: the largest board sold (data/priors.toml
# parts.gpu_w), a module of several of them, a node of eight boards with its hosts.
EDGES, UNSEEN, RESOLUTION = (
    "window edges",
    "power between its samples",
    "resolution",
)  # how the random effects' names end
IN_STEP = "a load in step with its samples"  # likewise
_FALLBACK_MAX_W = 1000.0
_LARGER_W = {"module": 3000.0, "node": 15_000.0, "node.ac": 15_000.0, "platform": 2000.0}
# of an edge's uncertainty: what the shape of the load does at every edge; as `energybench simulate`
# finds it for loads of one shape
_ALIKE = 0.75
# a counter and a power integral that differ by more than this, beyond their own uncertainty, are a
# doubt
_DISAGREE = 0.02


class WindowEnergy(NamedTuple):
    """Energy of one channel in one window; None where the sensor gave nothing at all in it."""

    energy_j: float | None
    random: tuple[Effect, ...] = ()
    common: tuple[Effect, ...] = ()
    doubts: tuple[Doubt, ...] = ()


def energy(curve: Curve, window: Window) -> WindowEnergy:
    """Energy between the window's edges, interpolated; what the sensor missed at either end becomes
    a bound, never a zero.
    """
    slack = 2 * curve.period_s + 0.3  # one reading late at 10 Hz, and one tick
    covered_from, covered_to = float(curve.t_s[0]) - slack, float(curve.t_s[-1]) + slack
    if window.end_s <= covered_from or window.start_s >= covered_to:
        return WindowEnergy(None, doubts=(_lost(curve, window.duration_s),))
    start = max(window.start_s, covered_from) if window.start_s < covered_from else window.start_s
    end = min(window.end_s, covered_to) if window.end_s > covered_to else window.end_s
    opened, closed = edges(curve, start, end)
    value = closed.energy_j - opened.energy_j
    at_edges, alike = _edges(curve, opened, closed)
    random = at_edges + _unseen(curve, start, end) + _resolution(curve)
    common = alike + _lag(curve, start, end)
    doubts: list[Doubt] = []
    lost_s = window.duration_s - (end - start)
    if lost_s > 0:
        common += (
            bound(f"{_name(curve)}: away for {lost_s:.1f} s", lost_s * limit_w(curve.channel)),
        )
        doubts.append(_lost(curve, lost_s))
    for span in curve.spans:
        overlap = min(span.end_s, window.end_s) - max(span.start_s, window.start_s)
        if overlap > 0:
            extra = span.extra_j if span.extra_j is not None else overlap * limit_w(curve.channel)
            common += (bound(f"{_name(curve)}: gap of {overlap:.1f} s", extra),)
            doubts.append(_gap(curve, span.extra_j is None, overlap))
    return WindowEnergy(max(value, 0.0), random, common, tuple(doubts))


def cross_check(
    counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy], device: str
) -> tuple[WindowEnergy, ...]:
    """The counter's energies, window by window, widened to the power integral's side where the two
    disagree (zeus issue 181: 187 J against 327 J).

    A power sensor that sees a part of each period is blind to a load in step with it, and then the
    disagreement is not the counter's. One window allows for that by the power integral's own
    uncertainty only. Over several it differs from start to start, while a counter that is wrong is
    so each time: there their mean decides, against their scatter.
    """
    checked = list(counter)
    known = [
        i
        for i, (c, p) in enumerate(zip(counter, power, strict=True))
        if c.energy_j is not None and p.energy_j is not None
    ]
    blind = any(effect.name.endswith(IN_STEP) for i in known for effect in power[i].random)
    for group in [known] if blind and known else [[i] for i in known]:
        joules = np.array([(counter[i].energy_j or 0.0, power[i].energy_j or 0.0) for i in group])
        larger, n = np.maximum(joules.max(axis=1), 1e-9), len(group)
        apart = joules[:, 1] - joules[:, 0]
        apart_rel = float(apart.sum() / larger.sum())
        own_rel = _own_j([counter[i] for i in group], [power[i] for i in group]) / float(
            larger.sum()
        )
        if n > 1:
            own_rel = max(own_rel, float((apart / larger).std(ddof=1)) / math.sqrt(n))
        if abs(apart_rel) <= 3 * own_rel + _DISAGREE:
            continue
        said = [f"{mean:.4g} J" for mean in joules.mean(axis=0).tolist()]
        message = f"{device}: the energy counter says {said[0]}, its power readings {said[1]}" + (
            f" (means of {n} windows)" if n > 1 else ""
        )
        first = (
            "several repeats tell whether the load ran in step with the power sensor; else "
            if blind and n == 1
            else ""
        )
        doubt = Doubt(
            code="counter-power-disagree",
            message=message,
            remedy=f"the interval covers both; {first}calibrate the board against a node meter",
        )
        for i, most in zip(group, larger.tolist(), strict=True):
            side = bound("counter against power", apart_rel * most, f"counter-power:{device}")
            checked[i] = counter[i]._replace(
                common=(*counter[i].common, side), doubts=(*counter[i].doubts, doubt)
            )
    return tuple(checked)


def _own_j(counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy]) -> float:
    """Standard uncertainty that these windows state of how far the two are apart in all: effects of
    one window in squares, common ones added up.

    What a load in step may hide is stated as a share of the readings; of readings at its lower end
    it is that share of what the counter saw.
    """
    alone = sum(effect.u**2 for cell in counter for effect in cell.random)
    each_time = sum(math.sqrt(sum(effect.u**2 for effect in cell.common)) for cell in power)
    for c, p in zip(counter, power, strict=True):
        more = max(c.energy_j or 0.0, p.energy_j or 0.0) / p.energy_j if p.energy_j else 1.0
        alone += sum(
            (effect.u * (more if effect.name.endswith(IN_STEP) else 1.0)) ** 2
            for effect in p.random
        )
    return math.hypot(math.sqrt(alone), each_time)


def _edges(
    curve: Curve, opened: Edge, closed: Edge
) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
    """What belongs to this window's edges alone, and what repeats of the same work share: they
    begin and end in the same way.
    """
    u = math.hypot(opened.u_j, closed.u_j)
    if not u:
        return (), ()
    alone, alike = u * math.sqrt(1 - _ALIKE**2), u * _ALIKE
    return (normal(f"{_name(curve)}: {EDGES}", alone),), (
        normal(f"{_name(curve)}: the load at all {EDGES}", alike),
    )


def _unseen(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    if not curve.may_miss:
        return ()
    first, last = int(np.searchsorted(curve.t_s, start)), int(np.searchsorted(curve.t_s, end)) - 1
    found = {
        UNSEEN: unseen_j(curve, first, last) if curve.part_time else 0.0,
        IN_STEP: in_step_j(curve, start, end),
    }
    return tuple(normal(f"{_name(curve)}: {what}", u) for what, u in found.items() if u)


def _resolution(curve: Curve) -> tuple[Effect, ...]:
    """A counter is cut to whole counts at both edges (GUM F.2.2.1); a power reading's counts
    average out.
    """
    if curve.channel.kind != "counter":
        return ()
    return (
        rectangular(f"{_name(curve)}: {RESOLUTION}", curve.channel.resolution / 2 * math.sqrt(2)),
    )


def _lag(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    """A lag that is off by δ moves both edges: δ·(P(end) − P(start))."""
    u = (
        curve.channel.lag_u_s * (curve.power(end) - curve.power(start))
        if curve.channel.lag_u_s
        else 0.0
    )
    return (normal(f"{_name(curve)}: lag", u, f"lag:{curve.channel.device}"),) if u else ()


def limit_w(channel: Channel) -> float:
    """Watts that no real reading of this channel exceeds."""
    return channel.max_power_w or _LARGER_W.get(channel.component, _FALLBACK_MAX_W)


def _name(curve: Curve) -> str:
    return f"{curve.channel.component} {curve.channel.device}"


def _lost(curve: Curve, lost_s: float) -> Doubt:
    return Doubt(
        code="sensor-lost",
        message=f"{curve.channel.collector} gave nothing of {_name(curve)} for {lost_s:.1f} s of a "
        "window; what it drew then is a bound, not a zero",
        remedy="see the system log for the device (XID, bus errors), then repeat the run",
    )


def _gap(curve: Curve, reset: bool, seconds: float) -> Doubt:
    if reset:
        what, remedy = (
            f"started anew within {seconds:.1f} s",
            "do not reload drivers during a run; repeat it",
        )
    else:
        what, remedy = (
            f"was not read for {seconds:.1f} s and may have wrapped more than once",
            "sample without interruption; repeat the run",
        )
    return Doubt(
        code="counter-reset" if reset else "wrap-ambiguous",
        message=f"the counter of {_name(curve)} {what}",
        remedy=remedy,
    )
