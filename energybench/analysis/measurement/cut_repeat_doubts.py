"""Doubts about repeats that were cut, and about whole repeats that a signal reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.model import CutBy, Doubt, Window
from energybench.units import counted

# By the reason of the cut: how a repeat came to be a part.
_CUT_BY: Mapping[CutBy, str] = {
    "signal": "a signal ended the run",
    "signal-handled": "a signal came, after which the program ended by itself",
    "program-killed": "a signal ended its program",
    "descendants": "processes that the program had started went on working when it ended",
    "no-end": "the measuring side ended first, or its disk took no more samples, and the repeat is "
    "taken to its last sample",
    "exception": "an exception left its block",
    "loop-left": "its loop was left by `break` or an exception",
    "end-unknown": "the end of its block is not known",
    "caller-ended": "the program ended in its block",
}


def of_cut_repeats(repeats: Sequence[Window], left_out: Sequence[Window]) -> list[Doubt]:
    """Doubts about repeats that were cut before their work was done.

    repeats   the repeats that the means count
    left_out  parts beside them, which no mean counts
    """
    doubts = [
        Doubt(
            code="cut-off",
            message=f"no repeat was measured to its end ({_CUT_BY[window.cut]} after "
            f"{window.duration_s:.3g} s): this is a part of a repeat, which is not compared",
            remedy="repeat the run",
        )
        for window in repeats
        if window.cut is not None and window.cut != "signal-handled"
    ]
    if any(window.cut == "signal-handled" for window in repeats):
        doubts.append(
            Doubt(
                code="signal-handled",
                message=f"{repeats[0].signal or 'a signal'} came during the only repeat, and the "
                f"program then ended by itself, {repeats[0].duration_s:.3g} s after its start: "
                "whether it did all of its work is not known, and the repeat is not compared",
                remedy="repeat the run",
            )
        )
    doubts += _of_signals(repeats)
    if left_out:
        causes = dict.fromkeys(_cause(window) for window in left_out)
        lengths = ", ".join(f"{window.duration_s:.3g} s" for window in left_out)
        doubts.append(
            Doubt(
                code="cut-off",
                message=f"left out of this result: {counted(len(left_out), 'repeat')}, ended after "
                f"{lengths}: {'; '.join(causes)}",
                remedy="repeat the run if all of its repeats are wanted",
                subject="left out",
            )
        )
    return doubts


def _cause(window: Window) -> str:
    """Why a repeat is a part, with the name of a signal if it is stored."""
    if window.cut is None:
        return ""
    cause = _CUT_BY[window.cut]
    if window.cut == "signal-handled" and window.signal is not None:
        return cause.replace("a signal", window.signal, 1)
    return cause


def _of_signals(repeats: Sequence[Window]) -> list[Doubt]:
    """A doubt about whole repeats that a signal reached."""
    signalled = [window for window in repeats if window.signal is not None and window.cut is None]
    if not signalled:
        return []
    names = " and ".join(sorted({window.signal or "" for window in signalled}))
    return [
        Doubt(
            code="signal-passed-on",
            message=f"{names} came from outside in {counted(len(signalled), 'repeat')}, and the "
            "program went on after it: this is counted as a whole repeat",
            remedy="nothing, if the program does all of its work after this signal; otherwise "
            "repeat the run",
        )
    ]
