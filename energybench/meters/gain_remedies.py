"""What would make a reference tell more of a sensor's gain than is believed: a remedy for each
effect that has to shrink, the largest first. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from energybench.analysis.energy.boundary import CPU, GPU, MEMORY, Cover, Model
from energybench.analysis.uncertainty.repeats import SCATTER, student_quantile
from energybench.model import Estimate

SLOPE, SUPPLY = "slope of the meter against the sensors", "efficiency of the power supply"
FOLLOWS, UNSEEN = "fans and regulators that follow the load", "parts without a sensor"
LIMIT = "limit of error"  # how the name of the meter's own gain ends

_Z95 = 1.959964
_BOARD = "a meter of one board (`attach --scope gpu --board UUID`)"
_OTHER = "longer repeats (`--min-window`)"  # what belongs to the edges of the windows
_FIXED = (
    (SCATTER, "more repeats"),
    (SLOPE, "more repeats, and --idle 60 or more"),
    (LIMIT, "a better meter"),
    (
        SUPPLY,
        "--psu-efficiency with what its certificate says, or a meter behind the supply (`attach "
        "--dc`)",
    ),
    (": lag", "--idle 30, whose step tells the offset of the meter's clock"),
)
_OPEN: Mapping[str, tuple[str, str]] = {
    CPU: ("CPU package(s)", "open RAPL (`energybench doctor`)"),
    GPU: ("board(s)", "open NVML (`energybench doctor`)"),
}

Needs = Callable[
    [str, float], str
    # the remedy for an effect, by its name and by what it may be at most (relative) for the gain to
    # be worth having
]


def largest(gain: Estimate) -> str:
    """The effect that leaves most open, and how much: 'parts without a sensor ±5.2%'."""
    name, u_rel = next(iter(_u_rels(gain).items()))
    return f"{name} ±{u_rel:.1%}"


def remedies(gain: Estimate, prior_rel: float, needs: Needs) -> str:
    """Of the fewest effects without which the gain would be better known than it was believed: what
    mends a smaller one does not help.
    """
    left = _u_rels(gain)
    large: list[str] = []
    while left and _squares(left) >= prior_rel**2:
        large.append(name := next(iter(left)))
        del left[name]
    allowed = math.sqrt((prior_rel**2 - _squares(left)) / len(large)) if large else prior_rel
    return (
        "; and ".join(dict.fromkeys(remedy for name in large if (remedy := needs(name, allowed))))
        or "a better meter"
    )


def _u_rels(gain: Estimate) -> dict[str, float]:
    """Relative standard uncertainties by effect, the largest first; of a scatter from few repeats
    what its interval needs as a normal one.
    """
    found: dict[str, float] = {}
    for effect in gain.effects:
        factor = (
            student_quantile(effect.dof) / _Z95
            if effect.distribution == "student" and effect.dof
            else 1.0
        )
        found[effect.name] = math.hypot(found.get(effect.name, 0.0), factor * effect.u / gain.value)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _squares(u_rels: Mapping[str, float]) -> float:
    return sum(u_rel**2 for u_rel in u_rels.values())


def of_board(name: str, _: float) -> str:
    return next((remedy for end, remedy in _FIXED if name.endswith(end)), _OTHER)


def of_node(chosen: Cover, rise_w: float) -> Needs:
    """rise_w: by how much the sensors' sum rises from the quietest window to the busiest."""
    boards = any(source.channel.component == GPU for source in chosen.sources)

    def needs(name: str, allowed: float) -> str:
        if name == UNSEEN:
            return _unseen(chosen.models, rise_w, allowed, boards)
        if name == FOLLOWS:
            return _BOARD if boards else ""
        return of_board(name, allowed)

    return needs


def _unseen(models: Sequence[Model], rise_w: float, allowed: float, boards: bool) -> str:
    """What nobody counts may rise by its whole range while the sensors rise by theirs: it is the
    one against the other that decides.
    """
    opened = sorted({model.part.component for model in models} & set(_OPEN))
    if opened:
        return "; ".join(
            f"{_OPEN[component][0]} without a sensor: {_OPEN[component][1]}" for component in opened
        )
    low, high = (
        sum(getattr(model.part, side) or 0.0 for model in models) for side in ("low_w", "high_w")
    )
    what = (
        f"{'memory' if any(model.part.component == MEMORY for model in models) else 'what'} "
        f"without a counter may draw {low:.0f}-{high:.0f} W"
    )
    wanted_w = (
        (high - low) / (2 * math.sqrt(3.0) * allowed) if allowed else math.inf
    )  # rectangular, half its range
    more = (
        f"work that raises them by {_rounded_up(wanted_w)} W"
        if math.isfinite(wanted_w) and wanted_w > rise_w
        else "work that raises them by more"
    )
    else_ = f", or {_BOARD}" if boards else "; where the node cannot, the prior stands"
    return (
        f"{what} and the sensors rise by {rise_w:.0f} W only: measure {more} (every socket and "
        f"board at work){else_}"
    )


def _rounded_up(watts: float) -> str:
    step = 10.0 ** max(math.floor(math.log10(watts)) - 1, 0)
    return f"{math.ceil(watts / step) * step:.0f}"
