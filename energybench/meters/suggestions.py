"""Command-line options for a meter's file, tested by reading the file: an error message suggests
only commands that work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.meters.attached_run import Meter, Readings
from energybench.meters.readings import Undecided

_DEPTH, _TRIES = 4, 24
# Options to try for a fault that stays with every option: of the possible units, W and kW.
_ALIKE = 2
# Options that state a fact of the file. They neither choose among readings nor guess a meaning.
_STATING = ("--unit", "--timezone")
# Options that choose among readings: if several values work, the best value is suggested.
_CHOOSING = ("--select", "--column", "--time-column")


def beside(
    error: Undecided, meter: Meter, attempt: Callable[[Meter], float], depth: int = _DEPTH
) -> tuple[BadInput, ...]:
    """Further faults of the file that every option for the error leaves: a person who states the
    option would meet these faults next.
    """
    further: list[tuple[BadInput, Meter]] = []
    if any(option[0] not in _STATING for option in error.options):
        return ()
    for option in error.options[:_ALIKE]:
        other = _with(meter, option)
        try:
            attempt(other)
        except BadInput as next_error:
            further.append((next_error, other))
        else:
            return ()
    if not further or len({next_error.what for next_error, _ in further}) > 1:
        return ()
    first, other = further[0]
    if isinstance(first, Undecided) and depth > 1:
        return (first, *beside(first, other, attempt, depth - 1))
    return (first,)


class _Suggestion(NamedTuple):
    """Options that work, and the correlation of the readings with the run."""

    options: tuple[tuple[str, ...], ...]
    follows: float


def working(
    error: Undecided, meter: Meter, attempt: Callable[[Meter], float]
) -> tuple[tuple[str, ...], ...]:
    """Options that resolve the error and every further open question of the file; () if no options
    do.

    attempt  reads the file and returns the correlation of the readings with the run. Raises
             BadInput.
    """
    suggestion = _search(error, meter, attempt, _DEPTH, [_TRIES])
    return suggestion.options if suggestion else ()


def check(readings: Readings, meter: Meter, other: Meter) -> None:
    """Check the readings that added options choose. Raises BadInput if the name of the readings
    states a quantity besides power and energy, or if the readings are constant: constant readings
    confirm neither unit nor column.
    """
    ours, theirs = (
        (one.choice.column, one.choice.select, one.choice.unit) for one in (meter, other)
    )
    if ours == theirs:
        return
    if readings.series.name_says or readings.offset.even == "meter":
        raise BadInput(
            readings.series.where, readings.series.name_says or "is even", "another column"
        )


def _search(
    error: Undecided, meter: Meter, attempt: Callable[[Meter], float], depth: int, tries: list[int]
) -> _Suggestion | None:
    best: _Suggestion | None = None
    count = 0
    for option in error.options:
        if tries[0] <= 0:
            break
        tries[0] -= 1
        other = _with(meter, option)
        suggestion: _Suggestion | None = None
        try:
            suggestion = _Suggestion((), attempt(other))
        except Undecided as next_error:
            if depth > 1:
                suggestion = _search(next_error, other, attempt, depth - 1, tries)
        except BadInput:
            continue
        if suggestion is None:
            continue
        count += 1
        if error.parts and count > 1:
            # several parts follow the run: a single part would be too little
            return None
        if best is None or suggestion.follows > best.follows:
            best = _Suggestion((option, *suggestion.options), suggestion.follows)
        if option[0] not in _CHOOSING:
            break
    return best


def _with(meter: Meter, option: tuple[str, ...]) -> Meter:
    """The meter with an additional command-line option."""
    choice, name, value = meter.choice, option[0], option[-1]
    if name == "--holds":
        return meter._replace(holds=True)
    if name == "--dc":
        return meter._replace(dc=True)
    if name == "--per-interval":
        choice = choice._replace(per_interval=True)
    elif name == "--select":
        label, _, wanted = value.partition("=")
        choice = choice._replace(select=(*choice.select, (label, wanted)))
    elif name == "--time-column":
        choice = choice._replace(time_columns=(value,))
    elif name == "--time-format":
        choice = choice._replace(time_format=value)
    elif name == "--unit":
        choice = choice._replace(unit=value)
    elif name == "--column":
        choice = choice._replace(column=value)
    else:
        choice = choice._replace(timezone=value)
    return meter._replace(choice=choice)
