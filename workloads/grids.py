"""Grids of a study: lists that `--set KEY=A,B` narrows or widens, and the settings that every cell
shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.errors import BadInput


class Lists:
    """Reads the `--set key=a,b` lists of one study.

    Raises BadInput that names the key and what is allowed.
    """

    def __init__(self, given: Mapping[str, str], allowed: Sequence[str]) -> None:
        for key in given:
            if key not in allowed:
                raise BadInput(
                    f"--set {key}", "no such setting of this study", f"have: {', '.join(allowed)}"
                )
        self._given = given

    def wholes(self, key: str, default: Sequence[int], low: int, high: int) -> tuple[int, ...]:
        """Integers within [low, high], each once, in the order given."""
        try:
            values = [int(text) for text in self._texts(key, default)]
        except ValueError:
            raise self._bad(key, f"whole numbers from {low} to {high}") from None
        if not all(low <= value <= high for value in values):
            raise self._bad(key, f"whole numbers from {low} to {high}")
        return tuple(dict.fromkeys(values))

    def numbers(
        self, key: str, default: Sequence[float], low: float, high: float
    ) -> tuple[float, ...]:
        """Floats within [low, high]."""
        try:
            values = [float(text) for text in self._texts(key, default)]
        except ValueError:
            raise self._bad(key, f"numbers from {low:g} to {high:g}") from None
        if not all(low <= value <= high for value in values):
            raise self._bad(key, f"numbers from {low:g} to {high:g}")
        return tuple(dict.fromkeys(values))

    def shares(self, key: str, default: Sequence[float]) -> tuple[float, ...]:
        """Fractions within [0, 1)."""
        try:
            values = [float(text) for text in self._texts(key, default)]
        except ValueError:
            raise self._bad(key, "numbers from 0 to below 1") from None
        if not all(0 <= value < 1 for value in values):
            raise self._bad(key, "numbers from 0 to below 1")
        return tuple(dict.fromkeys(values))

    def choices(self, key: str, default: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
        values = self._texts(key, default)
        if not set(values) <= set(options):
            raise self._bad(key, f"any of {', '.join(options)}")
        return tuple(dict.fromkeys(values))

    def _texts(self, key: str, default: Sequence[object]) -> list[str]:
        given = self._given.get(key)
        values = (
            [str(value) for value in default]
            if given is None
            else [text.strip() for text in given.split(",") if text.strip()]
        )
        if not values:
            raise self._bad(key, "a list with at least one entry")
        return values

    def _bad(self, key: str, allowed: str) -> BadInput:
        return BadInput(
            f"--set {key}={self._given.get(key)}",
            "not allowed in this study",
            f"allowed: {allowed}, with commas between",
        )
