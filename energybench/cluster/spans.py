"""The time of a statement, as a person states it."""

from __future__ import annotations

import re
import time
from datetime import datetime

from energybench.errors import BadInput

_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNIT_S = {"h": 3600, "d": 86400, "w": 604_800}


def span(since: str, until: str | None, now_s: float | None = None) -> tuple[int, int]:
    """Begin and end in seconds since 1970. Raises BadInput.

    "7d" is seven days ago; a time without a zone is that of this machine.
    """
    now = int(time.time() if now_s is None else now_s)
    begin_s = _moment("--since", since, now)
    end_s = now if until is None else _moment("--until", until, now)
    if begin_s >= end_s:
        raise BadInput(f"--since {since}", "does not lie before the end", "see --until")
    return begin_s, end_s


def _moment(option: str, text: str, now: int) -> int:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNIT_S[ago[2]]
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise BadInput(
            f"{option} {text}", "is not a time", "2026-11-23, 2026-11-23T10:15, 7d, 12h or 2w"
        ) from None
