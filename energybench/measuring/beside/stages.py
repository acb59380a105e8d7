"""Stages around a window: what is sampled, and until when, before something is due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Stage(NamedTuple):
    """A time until which to sample, fast or at the base rate, before something is due."""

    until_s: float
    fast: bool


class Task:
    """Stages one after another."""

    def __init__(self, stages: Iterator[Stage]) -> None:
        self._stages = stages
        self.stage: Stage | None = next(stages, None)

    def advance(self, now_s: float) -> None:
        while self.stage is not None and now_s >= self.stage.until_s:
            self.stage = next(self._stages, None)
