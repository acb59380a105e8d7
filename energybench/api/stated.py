"""What a caller states about blocks, as the sampling process takes it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, TypeGuard, cast

from energybench.api.caller_run import Options
from energybench.sensor_root import default_root

_MOST_LABEL = 200  # characters


def bad_input(label: str, what: str, remedy: str) -> Exception:
    from energybench.errors import BadInput

    return BadInput(f"block {label!r}", what, remedy)


def clean_label(label: str) -> str:
    """The label on one line, and not longer than a line."""
    return " ".join(str(label).split())[:_MOST_LABEL] or "block"


def checked_options(
    store: str,
    boundary: str,
    idle: float,
    collectors: Sequence[str],
    root: str | None,
    sync: object = None,
) -> Options:
    """Raises BadInput."""
    boundaries = ("compute", "device", "node-dc", "node-ac")
    if boundary not in boundaries:
        raise bad_option(f"boundary={boundary!r} is unknown", ", ".join(boundaries))
    if not _is_number(idle) or not 0 <= idle < 1e5:
        raise bad_option(f"idle={idle!r} is not a length of time in s", "idle=10")
    if isinstance(collectors, str) or not _are_words(collectors):
        example = 'collectors=["rapl"]; energybench list collectors'
        raise bad_option(f"collectors={collectors!r} is not a list of names", example)
    if sync is not None and not callable(sync):
        raise bad_option(f"sync={sync!r} is not a function", "sync=lambda: wait_for_device()")
    return Options(
        store=_path("store", store),
        boundary=boundary,
        idle_s=float(idle),
        collectors=tuple(collectors),
        root=_path("root", default_root() if root is None else root),
    )


def bad_option(what: str, remedy: str) -> Exception:
    from energybench.errors import BadInput

    return BadInput("energybench.measure", what, remedy)


def whole(label: str, name: str, value: object) -> int:
    """A number of repeats. Raises BadInput."""
    if not _is_number(value) or value < 1 or value != int(value):
        raise bad_input(label, f"{name}={value!r} is not a number of repeats", f"{name}=8")
    return int(value)


def share(label: str, name: str, value: object) -> float:
    """A share between 0 and 1. Raises BadInput."""
    if not _is_number(value) or not 0 < value < 1:
        raise bad_input(label, f"{name}={value!r} is not a share", f"{name}=0.02 for 2 %")
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number; numpy's numbers are."""
    if isinstance(value, bool | str | bytes) or value is None:
        return False
    try:
        return math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError, ValueError):
        return False


def _are_words(value: object) -> bool:
    try:
        return all(isinstance(word, str) for word in value)  # type: ignore[attr-defined]
    except TypeError:
        return False


def _path(name: str, value: object) -> str:
    """A path as text. Raises BadInput."""
    try:
        path = os.fsdecode(value)  # type: ignore[arg-type]
    except TypeError:
        path = ""
    if not path or "\0" in path:
        raise bad_option(f"{name}={value!r} is not a folder", f'{name}="folder"')
    return path


def checked_work(
    label: str, amount: float, unit: str, fingerprint: str, more: dict[str, Any]
) -> dict[str, Any]:
    """The work as the sampling process takes it. Raises BadInput."""
    import msgspec

    from energybench.model import Work

    if not _is_number(amount) or amount <= 0:
        raise bad_input(
            label, f"the work's amount {amount!r} is not a number above 0", "work(50_000, 'sample')"
        )
    stated = {
        "amount": float(amount),
        "unit": str(unit),
        "fingerprint": str(fingerprint),
        "precision": "equal-precision",
        **more,
    }
    try:
        return cast("dict[str, Any]", msgspec.to_builtins(msgspec.convert(stated, Work)))
    except (msgspec.ValidationError, ValueError) as error:
        raise bad_input(label, f"the work is not possible: {error}", "") from None


def checked(label: str, quantity: str, value: float, tolerance: float) -> dict[str, Any]:
    """The check as the sampling process takes it. A value that is not a finite number fails.

    Raises BadInput for a value or tolerance that is not a number at all.
    """
    if not _is_number(tolerance) or tolerance < 0:
        raise bad_input(
            label, f"the tolerance {tolerance!r} is not a number from 0", "check('loss', loss, 2.5)"
        )
    limit = float(tolerance)  # of numpy, say, whose comparisons are not bool
    try:
        number = float(value)
    except OverflowError:  # a whole number above every float
        number = math.inf
    except (TypeError, ValueError):
        raise bad_input(
            label, f"the value {value!r} of the check is not a number", "check('loss', loss, 2.5)"
        ) from None
    finite = math.isfinite(number)
    return {
        "quantity": str(quantity),
        "value": number if finite else None,
        "tolerance": limit,
        "passed": finite and abs(number) <= limit,
    }
