"""Grids of a study: `--set KEY=A,B` lists that narrow or widen a grid, and settings common to every
cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.errors import BadInput
from energybench.units import decimal_number, whole_number


class Lists:
    """Reads the `--set key=a,b` lists of one study.

    Raises BadInput naming the key and the allowed values.
    """

    def __init__(self, texts: Mapping[str, str], allowed: Sequence[str]) -> None:
        for key in texts:
            if key not in allowed:
                raise BadInput(
                    f"--set {key}", "no such setting of this study", f"have: {', '.join(allowed)}"
                )
        self._settings = texts

    def wholes(self, key: str, default: Sequence[int], low: int, high: int) -> tuple[int, ...]:
        """Integers within [low, high], without duplicates, in the user's order."""
        values = [whole_number(text) for text in self._entries(key, default)]
        within = [value for value in values if value is not None and low <= value <= high]
        if len(within) < len(values):
            raise self._bad(key, f"whole numbers from {low} to {high}")
        return tuple(dict.fromkeys(within))

    def numbers(
        self, key: str, default: Sequence[float], low: float, high: float
    ) -> tuple[float, ...]:
        """Floats within [low, high]."""
        values = [decimal_number(text) for text in self._entries(key, default)]
        within = [value for value in values if value is not None and low <= value <= high]
        if len(within) < len(values):
            raise self._bad(key, f"numbers from {low:g} to {high:g}")
        return tuple(dict.fromkeys(within))

    def shares(self, key: str, default: Sequence[float]) -> tuple[float, ...]:
        """Fractions within [0, 1)."""
        values = [decimal_number(text) for text in self._entries(key, default)]
        within = [value for value in values if value is not None and 0 <= value < 1]
        if len(within) < len(values):
            raise self._bad(key, "numbers from 0 to below 1")
        return tuple(dict.fromkeys(within))

    def choices(self, key: str, default: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
        values = self._entries(key, default)
        if not set(values) <= set(options):
            raise self._bad(key, f"any of {', '.join(options)}")
        return tuple(dict.fromkeys(values))

    def _entries(self, key: str, default: Sequence[object]) -> list[str]:
        text = self._settings.get(key)
        if text is None:
            entries = [str(value) for value in default]
        else:
            entries = [part.strip() for part in text.split(",") if part.strip()]
        if not entries:
            raise self._bad(key, "a list with at least one entry")
        return entries

    def _bad(self, key: str, allowed: str) -> BadInput:
        return BadInput(
            f"--set {key}={self._settings.get(key)}",
            "not allowed in this study",
            f"allowed: {allowed}, separated by commas",
        )
