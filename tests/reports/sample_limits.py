"""The sample nodes beside limits of the devices. Synthetic numbers, measured nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from energybench.analysis.measurement.roofline import Counted, roofline
from energybench.analysis.uncertainty.effects import scale
from energybench.model import DeviceLimits, Limit, Measurement


def limits_of(
    name: str, device: str, best: Sequence[float], made_utc: str = "2026-02-18T08:00:00+00:00"
) -> DeviceLimits:
    """Read bandwidth and matrix rates in fp64, fp32 and bf16; of five tries the others fall 1 %
    short.
    """
    limits = [
        Limit(name=n, runs=(0.99 * b, b, 0.99 * b, 0.99 * b, b), how="kernel")
        for n, b in zip(("read", "fp64", "fp32", "bf16"), best, strict=True)
    ]  # type: ignore[arg-type]
    return DeviceLimits(device=device, name=name, host="h", limits=tuple(limits), made_utc=made_utc)


CPU = limits_of("Intel Xeon Platinum 8358", "cpu", (3.1e11, 3.3e12, 6.5e12, 6.4e12))
BOARDS = limits_of("4 x NVIDIA A100-SXM4-40GB", "GPU", (5.5e12, 7.3e13, 7.5e13, 1.0e15))


def beside(
    measurement: Measurement, limits: DeviceLimits | None, arithmetic: str | None
) -> Measurement:
    """The measurement with its roofline; its work states the format of its arithmetic."""
    repeats = tuple(
        msgspec.structs.replace(
            r, work=msgspec.structs.replace(r.work, arithmetic=arithmetic) if r.work else None
        )
        for r in measurement.repeats
    )
    works = [repeat.work for repeat in repeats if repeat.work is not None]
    energy, flops, moved = measurement.energy_per_work_j, works[0].flops, works[0].bytes
    joules = [
        scale(energy, works[0].amount / count) if energy and count else None
        for count in (flops, moved)
    ]
    counted = Counted(works, [repeat.time_s for repeat in repeats], 1e-3, joules[0], joules[1])
    return msgspec.structs.replace(
        measurement, work=works[0], repeats=repeats, roofline=roofline(limits, counted)
    )
