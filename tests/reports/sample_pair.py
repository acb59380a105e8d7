"""The comparison of the two nodes, and power over time, for the samples."""

from __future__ import annotations

import math

import msgspec

from energybench.model import (
    Comparison,
    Doubt,
    Effect,
    Estimate,
    Measurement,
    PowerSeries,
    RatioLine,
    Timeline,
    Window,
)
from tests.reports.sample_values import A100, about, scatter


def compared(baseline: Measurement, candidate: Measurement) -> Comparison:
    return Comparison(
        title="energy ratio",
        baseline=baseline.id,
        candidate=candidate.id,
        labels=(baseline.label, candidate.label),
        boundary="compute",
        quality="mixed",
        energy_ratio=Estimate(
            value=5.001,
            low=4.62,
            high=5.38,
            effects=(
                scatter(0.019),
                Effect(
                    name="cpu.package package-0: gain",
                    u=0.065,
                    key="gain:nid001-package-0",
                    kind="gain",
                    component="cpu.package",
                    device="package-0",
                    sensor="counter",
                ),
                Effect(
                    name="cpu.package package-1: gain",
                    u=0.064,
                    key="gain:nid001-package-1",
                    kind="gain",
                    component="cpu.package",
                    device="package-1",
                    sensor="counter",
                ),
                *(
                    Effect(
                        name=f"gpu.board {uuid}: gain",
                        u=-0.042,
                        key=f"gain:{uuid}",
                        kind="gain",
                        component="gpu.board",
                        device=uuid,
                        sensor="counter",
                    )
                    for uuid in A100
                ),
                Effect(
                    name="cpu.dram: model, hardware",
                    u=-0.036,
                    distribution="rectangular",
                    key="cpu.dram@nid101",
                    kind="model",
                    component="cpu.dram",
                    sensor="model",
                ),
                Effect(
                    name="network: missing",
                    u=-0.022,
                    distribution="bound",
                    kind="missing",
                    component="network",
                    sensor="model",
                ),
            ),
        ),
        speedup=about(12.0, 11.94, 12.06),
        net_energy_ratio=about(4.893, 4.40, 5.47),
        node_hours=(0.03453, 0.002877),
        energy_delay_ratio=about(60.0, 55.4, 64.7),
        verdict="better",
        margin=0.05,
        second_lines=(
            RatioLine(
                label="over gpu.board and cpu.package alone", energy_ratio=about(5.43, 5.11, 5.77)
            ),
        ),
        power_w=(baseline.power_w, candidate.power_w),
        idle_power_w=(baseline.idle_power_w, candidate.idle_power_w),
        doubts=(
            Doubt(
                code="one-node",
                message="one node of each kind: this is about these nodes, not about the "
                "partitions",
                remedy="repeat on five nodes or more of each",
            ),
            Doubt(
                code="memory-modelled",
                about=("GPU node",),
                message="GPU node: memory has no energy counter here: modelled at 51-128 W for "
                "what is installed",
                remedy="a node meter, or a CPU with a DRAM counter",
            ),
        ),
    )


def _power(
    t_s: float,
    windows: tuple[Window, ...],
    idle_w: float,
    busy_w: float,
    ripple_w: float,
    phase: float,
) -> float:
    busy = any(
        window.label == "repeat" and window.start_s <= t_s < window.end_s for window in windows
    )
    return round(
        (busy_w if busy else idle_w) + ripple_w * math.sin(t_s * 2.9 + phase) * math.cos(t_s * 0.7),
        2,
    )


def timeline(
    measurement: Measurement,
    devices: tuple[tuple[str, str, float, float], ...],
    step_s: float,
    gap: str = "",
) -> Timeline:
    """Power of (component, device, idle W, busy W); the device `gap` gives nothing for a while."""
    windows = (
        Window(label="idle", start_s=2.0, end_s=32.0),
        *(
            Window(label="repeat", start_s=repeat.start_s, end_s=repeat.end_s, repeat=k)
            for k, repeat in enumerate(measurement.repeats)
        ),
    )
    end_s = measurement.repeats[-1].end_s + 4
    times = tuple(round(k * step_s, 3) for k in range(int(end_s / step_s)))
    series = [
        PowerSeries(
            run=measurement.id,
            component=component,
            device=device,
            t_s=times,
            power_w=tuple(
                None
                if device == gap and 92 < t < 99
                else _power(t, windows, idle, busy, 0.02 * busy, i)
                for t in times
            ),
        )
        for i, (component, device, idle, busy) in enumerate(devices)
    ]
    return Timeline(run=measurement.id, windows=windows, series=(*_together(series), *series))


def _together(series: list[PowerSeries]) -> list[PowerSeries]:
    """The sum of the devices of each component with several."""
    totals = []
    for component in dict.fromkeys(line.component for line in series):
        alike = [line for line in series if line.component == component]
        if len(alike) == 1:
            continue
        columns = zip(*(line.power_w for line in alike), strict=True)
        watts = [
            None if None in column else round(sum(filter(None, column)), 2) for column in columns
        ]
        totals.append(
            msgspec.structs.replace(alike[0], device="", power_w=tuple(watts), devices=len(alike))
        )
    return totals


def cpu_timeline(measurement: Measurement) -> Timeline:
    devices = (
        ("cpu.package", "package-0", 68.0, 204.0),
        ("cpu.package", "package-1", 66.0, 201.0),
        ("cpu.dram", "package-0", 18.0, 33.0),
        ("cpu.dram", "package-1", 18.0, 32.0),
    )
    return timeline(measurement, devices, 6.0)


def gpu_timeline(measurement: Measurement) -> Timeline:
    boards = tuple(
        (
            "gpu.board",
            uuid,
            52.0 + i,
            233.0 + 4 * i if measurement.boundary.parts[1 + i].used else 53.0,
        )
        for i, uuid in enumerate(A100)
    )
    return timeline(
        measurement, (("cpu.package", "package-0", 92.0, 105.0), *boards), 1.5, gap=A100[2]
    )
