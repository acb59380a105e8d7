"""The result of a block, as numbers, as text and as a small table."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import msgspec

from energybench.model import Doubt, DoubtCode, Estimate, Measurement, Region
from energybench.real_system import read_file
from energybench.units import show

_RUN = "run.json"
# Doubts that explain a missing energy: the plainest doubt first.
_REASONS: tuple[DoubtCode, ...] = (
    "block-not-measured",
    "sampler-gone",
    "measured-elsewhere",
    "region-cut",
    "not-measured",
    "sensor-lost",
    "sensor-silent",
)


class Result:
    """The result of a block.

    label        of the block
    measurement  the whole result; None: not measured, or a region of a larger block
    directory    of the run; None: not measured, or not finished
    doubts       doubts about the result, or the reason for a missing result
    energy_j     energy with its interval; None: not measured
    power_w      mean power; None: not measured
    time_s       time of the block; None: not measured
    """

    def __init__(
        self,
        label: str,
        measurement: Measurement | None,
        doubts: tuple[Doubt, ...],
        directory: Path | None = None,
        region: Region | None = None,
    ) -> None:
        self.label, self.measurement, self.directory = label, measurement, directory
        self.doubts, self._region = doubts, region
        self.energy_j: Estimate | None = None
        self.power_w: Estimate | None = None
        self.time_s: Estimate | None = None
        if measurement is not None:
            self.energy_j, self.power_w = measurement.energy_j, measurement.power_w
            self.time_s = measurement.time_s
        elif region is not None:
            self.energy_j = region.energy_j
            if region.energy_j is not None and region.time_s > 0:
                from energybench.analysis.uncertainty.effects import scale

                self.power_w = scale(region.energy_j, 1 / region.time_s)

    @classmethod
    def of(cls, label: str, directory: Path | None, refusal: tuple[str, str, str] | None) -> Result:
        """The result in a finished run directory, or the reason for a missing result."""
        if directory is not None:
            try:
                content = read_file(str(directory / _RUN))
                measurement = msgspec.json.decode(content, type=Measurement)
                return cls(label, measurement, measurement.doubts, directory)
            except (OSError, msgspec.DecodeError) as error:  # removed since, or written over
                reason = getattr(error, "strerror", None) or error
                gone = f"the result in {directory} cannot be read: {reason}"
                refusal = (
                    "block-not-measured",
                    gone,
                    "read the result before its store is removed",
                )
        code, message, remedy = refusal or ("block-not-measured", "the block did not begin", "")
        stated = {"code": code, "message": message, "remedy": remedy or "repeat the measurement"}
        doubt = msgspec.convert(stated, Doubt)
        return cls(label, None, (doubt,))

    @classmethod
    def partial(cls, label: str, measurement: dict[str, Any]) -> Result:
        """The result of a block that is still open."""
        decoded = msgspec.convert(measurement, Measurement)
        return cls(label, decoded, decoded.doubts)

    @classmethod
    def region(
        cls, label: str, outermost: str, whole: Result | None, refusal: tuple[str, str, str] | None
    ) -> Result:
        """The result of a block inside another block: the mean of all blocks with the same label.

        outermost  label of the outermost block
        whole      result of the outermost block; None: no result yet
        refusal    reason why the outermost block is not measured; None: measured
        """
        measured = whole.measurement if whole is not None else None
        regions = measured.regions if measured is not None else ()
        region = next((region for region in regions if region.label == label), None)
        has_energy = region is not None and region.energy_j is not None
        # the result of a block that is open has no directory
        if whole is None or (measured is not None and whole.directory is None and not has_energy):
            early = f"its outermost block {outermost!r} is open, too short a time for the sensors"
            remedy = "read the result after the end of the outermost block"
            return cls.of(label, None, refusal or ("block-not-measured", early, remedy))
        return cls(label, None, whole.doubts, whole.directory, region)

    def flat(self) -> dict[str, float]:
        """Numbers by name: a value and both ends of its interval for every measured quantity, J, W
        and s; then the number of doubts, in total and by code ("doubt.part-missing").
        """
        estimates: dict[str, Estimate | None] = {
            "energy_j": self.energy_j,
            "power_w": self.power_w,
            "time_s": self.time_s,
        }
        if self.measurement is not None:
            estimates["net_energy_j"] = self.measurement.net_energy_j
            estimates["idle_power_w"] = self.measurement.idle_power_w
            estimates["energy_per_work_j"] = self.measurement.energy_per_work_j
            for component, component_j in self.measurement.components_j.items():
                estimates[f"{component}_j"] = component_j
        numbers: dict[str, float] = {}
        for name, estimate in estimates.items():
            if estimate is not None:
                numbers[name] = estimate.value
                numbers[f"{name}_low"], numbers[f"{name}_high"] = estimate.low, estimate.high
        if self._region is not None:
            numbers["time_s"] = self._region.time_s
        numbers["doubts"] = float(len(self.doubts))
        for code in sorted({doubt.code for doubt in self.doubts}):
            numbers[f"doubt.{code}"] = float(sum(doubt.code == code for doubt in self.doubts))
        return numbers

    def __repr__(self) -> str:
        if self.energy_j is None:
            return f"<energybench {self.label!r}: not measured: {self._reason()}>"
        parts = [show(self.energy_j, "J")]
        if self.time_s is not None:
            parts.append(f"in {show(self.time_s, 's')}")
        if self.power_w is not None:
            parts.append(f"at {show(self.power_w, 'W')}")
        doubts = f"; doubts: {', '.join(doubt.code for doubt in self.doubts)}" * bool(self.doubts)
        return f"<energybench {self.label!r}: {' '.join(parts)}{doubts}>"

    def _reason(self) -> str:
        """Reason for a missing energy, from the doubts that can state a reason."""
        messages: dict[DoubtCode, str] = {}
        for doubt in self.doubts:
            cut = doubt.code == "region-cut"
            # a different inner block may have been cut, or one of several blocks with this label
            if not cut or (self._region is None and doubt.subject in ("", self.label)):
                messages.setdefault(doubt.code, doubt.message)
        stated = [messages[code] for code in _REASONS if code in messages]
        return stated[0] if stated else "no sensor gave a reading in its time"

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        rows = [
            (name, show(quantity, unit))
            for name, quantity, unit in (
                ("energy", self.energy_j, "J"),
                ("time", self.time_s, "s"),
                ("power", self.power_w, "W"),
            )
            if quantity is not None
        ]
        if self.measurement is not None:
            rows += [
                (component, show(component_j, "J"))
                for component, component_j in self.measurement.components_j.items()
            ]
        rows += [(doubt.code, doubt.message) for doubt in self.doubts]
        lines = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in rows
        )
        return f"<table><caption>{html.escape(self.label)}</caption>{lines}</table>"
