"""Whole measurements from simulated nodes, without a process: packages, boards, windows, work."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Gpu, Host, Measurement, Trace, Verification, Window, Work, WorkloadRef
from tests.analysis.truth import Sensor, channel, constant, gain, polls, trace

RANGES = {
    "memory_w_per_gb": (0.2, 0.5, "s"),
    "gpu_w": (0.0, 1000.0, "s"),
    "package_w": (20.0, 500.0, "s"),
}


def work(**changes: object) -> Work:
    stated: dict[str, object] = {
        "amount": 1.0,
        "unit": "solve",
        "fingerprint": "f",
        "precision": "equal-accuracy",
    }
    return Work(**{**stated, **changes})  # type: ignore[arg-type]


def run(
    name: str,
    *,
    package_w: float = 200.0,
    gpu_w: Sequence[float] = (),
    unused_gpu_w: Sequence[float] = (),
    times_s: Sequence[float] = (10.0,) * 8,
    power_factor: Sequence[float] | None = None,
    host: str = "node",
    done: Work | None = None,
    checks: Sequence[Verification] = (),
    gain_u: float = 0.0,
    idle_share: float | None = None,
    boundary: str = "compute",
    quality: str = "measured",
    parts: Mapping[str, tuple[float, float]] | None = None,
) -> Measurement:
    """One package with DRAM and any boards at constant power; each repeat at its own factor of it.
    Idle at a share of it.

    parts: regions, from and to which second of each repeat.
    """
    factors = power_factor or [1.0] * len(times_s)
    windows, spans, at = [], [], 5.0
    if idle_share is not None:
        windows.append(Window(label="idle", start_s=at, end_s=at + 10))
        spans.append((at, at + 10, idle_share))
        at += 12
    for i, (seconds, factor) in enumerate(zip(times_s, factors, strict=True)):
        windows.append(Window(label="repeat", start_s=at, end_s=at + seconds, repeat=i))
        windows += [
            Window(label=label, start_s=at + first, end_s=at + last, repeat=i)
            for label, (first, last) in (parts or {}).items()
        ]
        spans.append((at, at + seconds, factor))
        at += seconds + 2
    boards = [(_uuid(host, i), power, True) for i, power in enumerate(gpu_w)]
    boards += [(_uuid(host, i, unused=1), power, False) for i, power in enumerate(unused_gpu_w)]
    traces = [
        _trace("rapl", "package-0", "cpu.package", package_w, spans, gain_u, host, quality=quality),
        _trace("rapl", "package-0", "cpu.dram", 20.0, spans, gain_u, host),
    ]
    traces += [
        _trace("nvml", uuid, "gpu.board", power, spans, gain_u, host, used=used)
        for uuid, power, used in boards
    ]
    gpus = tuple(
        Gpu(uuid=uuid, name="A100", used=used, power_limit_max_w=400.0) for uuid, _, used in boards
    )
    record = Record(
        id=name,
        label=name,
        workload=WorkloadRef(name="w", size="S", device="cpu") if done else None,
        command=None if done else ("prog",),
        boundary=boundary,  # type: ignore[arg-type]
        host=Host(name=host, sockets=1, memory_bytes=64 * 10**9, gpus=gpus),
        windows=tuple(windows),
        works=(done,) * len(times_s),
        verification=tuple(checks),
    )
    return measure(record, traces, RANGES)


def _uuid(host: str, number: int, unused: int = 0) -> str:
    """UUID of a board, which no board of another host has."""
    return f"GPU-{number:08d}-000{unused}-0000-0000-{zlib.crc32(host.encode()):012x}"


def _trace(
    collector: str,
    device: str,
    component: str,
    power_w: float,
    spans,
    gain_u: float,
    host: str,
    **changes: object,
) -> Trace:  # type: ignore[no-untyped-def]
    def energy(t):  # type: ignore[no-untyped-def]
        total = power_w * np.asarray(t)
        for start, end, factor in spans:
            total = total + power_w * (factor - 1) * np.clip(np.asarray(t) - start, 0, end - start)
        return total

    made = channel(
        collector=collector,
        device=device,
        component=component,
        resolution=1e-6 if collector == "rapl" else 1e-3,
        update_period_s=0.001 if collector == "rapl" else 0.1,
        gain=gain(gain_u, f"gain:{device}:{component}@{host}"),
        **changes,
    )
    t = np.concatenate([polls(start, end) for start, end, _ in spans])
    sensor = Sensor(energy if spans else constant(power_w), period_s=made.update_period_s or 0.0)
    return trace(made, t, sensor.counts(t, made.resolution))
