"""The estimate of a figure from base inputs with ranges: whole things are drawn as wholes, and a
figure that has no value somewhere in the ranges is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from energybench.analysis.uncertainty.effects import exact, middle
from energybench.analysis.uncertainty.propagation import has_value_everywhere, propagate
from energybench.errors import BadInput
from energybench.model import Estimate, Input
from energybench.units import WHOLE, show_figure

Compute = Callable[[Mapping[str, Any]], Any]


def estimate(compute: Compute, inputs: Mapping[str, Input], text: str, key: str) -> Estimate:
    """The estimate of a figure. Raises BadInput if it has no value for a part of the ranges.

    compute  the figure for numbers or arrays of the inputs
    text     its formula, and `key` its place, for messages
    """

    def figure(values: Mapping[str, Any]) -> Any:
        return compute(_whole(inputs, values))

    _refuse_undefined(figure, inputs, text, key)
    return propagate(
        figure, {name: entry.value for name, entry in inputs.items()}, about=_middles(inputs)
    )


def _middles(inputs: Mapping[str, Input]) -> dict[str, float]:
    """The middle of each uniform range: its draws lie about the middle, wherever the value is."""
    return {
        name: middle(*entry.stated)
        for name, entry in inputs.items()
        if entry.stated is not None and entry.range == "uniform"
    }


def _whole(inputs: Mapping[str, Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with whole things between the ends of their ranges as wholes, each as likely as
    the others. A whole number stays itself.
    """
    wholes = dict(values)
    for name, entry in inputs.items():
        if entry.unit in WHOLE and entry.stated is not None and entry.stated[0] < entry.stated[1]:
            low, high = entry.stated
            shares = (values[name] - low) / (high - low)
            # 1e-9: binary rounding makes no whole number smaller
            steps = np.floor(shares * (high - low + 1) + 1e-9)
            wholes[name] = low + np.clip(steps, 0.0, high - low)
    return wholes


# ---------------------------------------------------------------- figures without a value


def _refuse_undefined(figure: Compute, inputs: Mapping[str, Input], text: str, key: str) -> None:
    """Raise BadInput if the figure has no value at an end of a stated range, or for a draw of
    stated ranges together. Measured values stay where they are: their distributions have tails
    beyond what is possible, such as a power below 0, and these tails are left out.
    """
    stated = [name for name, entry in inputs.items() if entry.stated is not None]
    ends = [name for name in stated if not _has_value_at_ends(figure, inputs, name)]
    if not ends and _has_value_for_draws(figure, inputs, stated):
        return
    names = ends or [name for name in stated if not _has_value_for_draws(figure, inputs, [name])]
    ranges = " and ".join(f"{name} between {_range(inputs[name])}" for name in names or stated)
    raise BadInput(
        key,
        f"{text} has no value for a part of the range of {ranges}",
        "state a range in which the formula neither divides by 0 nor takes the root of a negative "
        "number",
    )


def _has_value_at_ends(figure: Compute, inputs: Mapping[str, Input], name: str) -> bool:
    """Whether the figure has a value at both ends of a stated range, the others unchanged."""
    values: dict[str, Any] = {other: entry.value.value for other, entry in inputs.items()}
    values[name] = np.array(inputs[name].stated)
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(figure(values))))


def _has_value_for_draws(
    figure: Compute, inputs: Mapping[str, Input], names: Collection[str]
) -> bool:
    """Whether the figure has a value for every draw of some inputs, the others unchanged."""
    drawn = {
        name: entry.value if name in names else exact(entry.value.value)
        for name, entry in inputs.items()
    }
    return has_value_everywhere(figure, drawn, _middles({name: inputs[name] for name in names}))


def _range(entry: Input) -> str:
    """'1 and 5 nodes'."""
    assert entry.stated is not None
    low, high = entry.stated
    return f"{show_figure(low)} and {show_figure(high)} {entry.unit}".strip()
