"""Doubts about times in which the measuring side did not run."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy.reading_holes import HOLE_S
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.model import Channel, Doubt, Pause, Window


def paused_s(pauses: Sequence[Pause], start_s: float, end_s: float) -> float:
    """Seconds between two times in which at least one process of the measuring side paused."""
    total_s, reached_s = 0.0, start_s
    for pause in sorted(pauses, key=lambda pause: pause.start_s):
        first_s, last_s = max(pause.start_s, reached_s), min(pause.end_s, end_s)
        if last_s > first_s:
            total_s, reached_s = total_s + last_s - first_s, last_s
    return total_s


def of_pauses(
    pauses: Sequence[Pause], windows: Sequence[Window], channels: Sequence[Channel]
) -> list[Doubt]:
    """A doubt if the measuring side did not run for a part of the repeats.

    channels  that the energy counts
    """
    seconds = [
        paused_s(pauses, window.start_s, window.end_s + window.end_half_s) for window in windows
    ]
    if sum(seconds) <= HOLE_S:
        return []
    numbers = ", ".join(str(i) for i, paused in enumerate(seconds, 1) if paused > 0)
    return [
        Doubt(
            code="measuring-stopped",
            message=f"the measuring side was stopped for {sum(seconds):.1f} s in repeat {numbers} "
            f"of {len(windows)} (Ctrl-Z, SIGSTOP, or a frozen container or virtual machine): "
            f"{_unseen(pauses, channels)}. Time and energy of the repeat contain the stop, in "
            "which the program may have been stopped as well",
            remedy="repeat the run without stopping it",
        )
    ]


def _unseen(pauses: Sequence[Pause], channels: Sequence[Channel]) -> str:
    """In words, what was not seen in the pauses."""
    words = []
    if any(pause.unseen == "readings" for pause in pauses):
        read = [channel for channel in channels if channel.quality == "measured"]
        power = [place_of(channel).words for channel in read if channel.kind == "power"]
        words.append("nothing was sampled")
        if len(power) < len(read):
            words.append("counters counted on, and their energy stands")
        if power:
            words.append(f"the power of {', '.join(power)} in that time is not known")
    if any(pause.unseen == "end" for pause in pauses):
        words.append("the program may have ended at any moment of that time")
    return "; ".join(words)
