"""Numbers as meters write them: with units, decimal commas and separated thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, DecimalException

from energybench.errors import BadInput
from energybench.meters.readings import UNITS, Unit, cell_unit

# cells of loggers that have no reading (nvidia-smi: [N/A], [Not Supported])
NO_READING = frozenset(
    (
        *("", "-", "--", "n/a", "na", "nan", "none", "null", "inf", "err", "error", "fail"),
        *("failed", "unknown", "unavailable", "timeout", "not supported", "[n/a]"),
        *("[not supported]", "[unknown error]", "[gpu requires reset]"),
    )
)
_NUMBER = r"[-+−]?(?:\d[\d.,'’ \u00a0\u202f]*\d|\d|[.,]\d+)(?:[eE][-+]?\d{1,3})?"
_SPLIT = re.compile(rf"({_NUMBER})\s*((?!x[0-9A-Fa-f])[^\W\d_]{{1,14}})?\.?")
_THOUSANDS = {mark: re.compile(rf"[-+−]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+") for mark in (",", ".")}
_ODD_SHARE = 0.1
_GROUPS = str.maketrans("", "", "'’ \u00a0\u202f")
_MOST_DIGITS = 40  # longer numbers are not readings


def split_unit(text: str) -> tuple[str, str] | None:
    """Number and unit of a cell ('62.15 W', '1,5 kW', '512'); None if the cell is not a number."""
    match = _SPLIT.fullmatch(text.strip())
    if match is None or len(match[1]) > _MOST_DIGITS:
        return None
    return match[1], match[2] or ""


def decimal_mark(texts: Iterable[str], where: str, *, comma: bool) -> str:
    """The decimal mark of a column: "." or ",".

    comma  whether the file's separator is the usual separator beside decimal commas
    Raises BadInput if the numbers can be read with either mark.
    """
    numbers = [split[0].translate(_GROUPS) for text in texts if (split := split_unit(text))]
    both = [number for number in numbers if "," in number and "." in number]
    if both:
        return max(",.", key=both[0].rfind)
    commas = [number for number in numbers if "," in number]
    points = [number for number in numbers if "." in number]
    comma_groups = all(_THOUSANDS[","].fullmatch(number) for number in commas)
    point_groups = all(_THOUSANDS["."].fullmatch(number) for number in points)
    if not commas:
        plain = [number for number in numbers if "." not in number]
        unclear = points and point_groups and plain and all(len(n) == 3 for n in plain)
        mark = "."
    elif not points:
        mark, unclear = ",", comma_groups and not comma
    elif comma_groups != point_groups:
        mark, unclear = ("." if comma_groups else ","), False
    else:
        # the few numbers that do not fit are not readings
        mark = "," if len(commas) > len(points) else "."
        unclear = min(len(commas), len(points)) > _ODD_SHARE * len(numbers)
    if unclear:
        shown = (commas or points)[0]
        raise BadInput(
            where,
            f"{shown!r} may hold a decimal mark or separate thousands",
            "write decimals with a point, and no separator of thousands",
        )
    return mark


def value(text: str, unit: Unit | None, mark: str) -> tuple[Decimal, Unit | None]:
    """The number of a cell in W or J, and the unit in the cell or of the column.

    unit  of the column; None: every cell states a unit
    Raises ValueError with the reason why the cell holds no reading.
    """
    shown = text.strip()[:40]
    split = split_unit(text)
    if split is None:
        if shown.lower() in ("nan", "inf", "-inf", "+inf", "infinity"):
            raise ValueError(f"the value is {shown}, not a finite number")
        raise ValueError(f"{shown!r} is not a number")
    own = UNITS.get(cell_unit(split[1]) or "") if split[1] else None
    if split[1] and own is None:
        raise ValueError(f"{shown!r} is in {split[1]!r}, not a unit of power or energy")
    unit = own or unit
    try:
        read = Decimal(_plain(split[0], mark)) * (unit.factor if unit else 1)
    except DecimalException:
        raise ValueError(f"{shown!r} is not a number") from None
    if not read.is_finite():
        raise ValueError(f"the value is {shown}, not a finite number")
    return read, unit


def _plain(number: str, mark: str) -> str:
    """The number with a decimal point and without separators of thousands; "" if a separator is in
    a wrong place.
    """
    other = "," if mark == "." else "."
    if re.search(r"[ \u00a0\u202f]", number) and not re.search(
        r"^\D*\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)", number
    ):
        return ""
    number = number.translate(_GROUPS).replace("−", "-")
    whole, _, _ = number.partition(mark)
    if other in number and not _THOUSANDS[other].fullmatch(whole):
        return ""
    return number.replace(other, "").replace(mark, ".")
