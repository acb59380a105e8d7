"""The settings of a workload: `--set key=value` strings, read within stated limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.errors import BadInput
from energybench.units import decimal_number, whole_number
from energybench_workloads.common import cpus

Scalar = str | int | float | bool | None


class Settings:
    """Reads the `--set key=value` strings of one workload.

    Raises BadInput naming the key and the allowed values.
    """

    def __init__(self, texts: Mapping[str, str], allowed: Sequence[str]) -> None:
        for key in texts:
            if key not in allowed:
                raise BadInput(f"--set {key}", "no such setting", f"have: {', '.join(allowed)}")
        self._texts = texts

    def choice(self, key: str, default: str, options: Sequence[str]) -> str:
        value = self._texts.get(key, default)
        if value not in options:
            raise self._bad(key, f"one of {', '.join(options)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self.choice(key, str(default).lower(), ("true", "false")) == "true"

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """An integer within [low, high]; the default may lie outside."""
        text = self._texts.get(key)
        if text is None:
            return default
        value = whole_number(text)
        if value is None or not low <= value <= high:
            raise self._bad(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A finite float within [low, high]."""
        text = self._texts.get(key)
        value = default if text is None else decimal_number(text)
        if value is None or not low <= value <= high:
            raise self._bad(key, f"a number from {low:g} to {high:g}")
        return value

    def threads(self) -> int:
        """The setting `threads`, 0 if unset.

        Raises BadInput for more threads than CPUs: surplus threads would compete for the CPUs.
        """
        count = self.whole("threads", 0, 1, 4096)
        if count > len(cpus()):
            raise BadInput(
                f"--set threads={count}",
                f"this process may run on {len(cpus())} CPU(s)",
                f"at most {len(cpus())} threads, or leave the setting out",
            )
        return count

    def _bad(self, key: str, allowed: str) -> BadInput:
        return BadInput(f"--set {key}={self._texts.get(key)}", "not allowed", f"allowed: {allowed}")


def check_size(workload: str, size: str, sizes: Sequence[str]) -> None:
    if size not in sizes:
        raise BadInput(f"{workload} --size {size}", "no such size", f"have: {', '.join(sizes)}")
