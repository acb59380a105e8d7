"""A finished run of a workload."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from energybench.model import Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """Directory and result of a finished run, and its exit code.

    code  0, 1 if the work or a check failed, 128 + N after signal N
    part  whether this is one node's part of a result that another node shows
    """

    directory: Path
    measurement: Measurement
    code: int
    part: bool = False
