"""Words for the quality and the verdict of a result that may be that of a recording: nothing of a
recording was measured here. Every format takes its words from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from energybench.model.base import PartState

if TYPE_CHECKING:
    from energybench.model.projected import Claim, Projection


def quality_words(quality: str | None, *, replayed: bool) -> str:
    """'measured'; of a recording 'replayed', or 'mixed, replayed'; "" without a quality."""
    if not quality or not replayed:
        return quality or ""
    return "replayed" if quality == "measured" else f"{quality}, replayed"


def state_words(state: PartState, *, replayed: bool) -> str:
    """State of a part of the boundary: 'measured', or 'replayed' if the sensor was recorded."""
    return "replayed" if replayed and state == "measured" else state


def verdict_words(verdict: str, *, replayed: bool) -> str:
    """'better', or 'better, of a recording'; "" without a verdict."""
    return f"{verdict}, of a recording" if replayed and verdict else verdict


def is_of_recording(claim: Claim, projection: Projection) -> bool:
    """Whether a comparison of a recording gave inputs of a published claim."""
    return projection.replayed and bool(claim.tested)
