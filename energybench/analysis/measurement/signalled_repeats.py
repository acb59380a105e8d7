"""Repeats of a program that a signal from outside reached: whole, or ended early by the signal.

A signal such as SIGUSR1 may ask a program for a line of progress, or end the program before the
end of its work. The length of the repeat decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from energybench.model import REPEAT, Window

# A repeat is cut if it is shorter than this share of the shortest repeat without a signal.
_WHOLE = 0.95
# If every repeat had a signal: a repeat is cut if the time from the signal to the end of the repeat
# is at most so many seconds, or at most this share of the repeat. To save the state of a program
# before its end takes seconds.
_SOON_S, _SOON = 5.0, 0.1


def judged(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows; a repeat that ended early after a signal has the cut "signal-handled"."""
    repeats = [window for window in windows if _is_uncut(window)]
    others_s = [window.duration_s for window in repeats if window.signal is None]
    if len(others_s) == len(repeats):
        return tuple(windows)
    shortest_s = min(others_s, default=None)
    return tuple(
        msgspec.structs.replace(window, cut="signal-handled")
        if _is_uncut(window) and _ended_early(window, shortest_s)
        else window
        for window in windows
    )


def whole_repeats(windows: Sequence[Window]) -> list[Window]:
    """The windows of the whole repeats."""
    return [window for window in judged(windows) if _is_uncut(window)]


def _is_uncut(window: Window) -> bool:
    """Whether nothing recorded a cut of this repeat."""
    return window.label == REPEAT and window.cut is None


def _ended_early(window: Window, shortest_s: float | None) -> bool:
    """shortest_s: length of the shortest repeat without a signal; None: no such repeat."""
    if window.signal is None:
        return False
    if shortest_s is not None:
        return window.duration_s < _WHOLE * shortest_s
    left_s = window.duration_s - (window.signal_after_s or 0.0)
    return left_s <= max(_SOON_S, _SOON * window.duration_s)
