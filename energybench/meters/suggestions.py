"""Options with which a meter's file is read, found by trying: a message that suggests a command
suggests one that works.
"""

from __future__ import annotations

from collections.abc import Callable

from energybench.errors import BadInput
from energybench.meters.attached_run import Meter
from energybench.meters.readings import Undecided

_DEPTH, _TRIES = 4, 24


def working(
    error: Undecided, meter: Meter, attempt: Callable[[Meter], object]
) -> tuple[tuple[str, ...], ...]:
    """Options that resolve the error and whatever else the file leaves open; () if none does."""
    return _search(error, meter, attempt, _DEPTH, [_TRIES]) or ()


def _search(
    error: Undecided,
    meter: Meter,
    attempt: Callable[[Meter], object],
    depth: int,
    tries: list[int],
) -> tuple[tuple[str, ...], ...] | None:
    for option in error.options:
        if tries[0] <= 0:
            return None
        tries[0] -= 1
        other = _with(meter, option)
        try:
            attempt(other)
        except Undecided as next_error:
            further = _search(next_error, other, attempt, depth - 1, tries) if depth > 1 else None
            if further is not None:
                return (option, *further)
        except BadInput:
            continue
        else:
            return (option,)
    return None


def _with(meter: Meter, option: tuple[str, ...]) -> Meter:
    """The meter with one more option of the command line."""
    choice, name, value = meter.choice, option[0], option[-1]
    if name == "--holds":
        return meter._replace(holds=True)
    if name == "--select":
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
