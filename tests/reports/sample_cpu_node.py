"""A measured CPU node for the samples.

Synthetic numbers, measured nowhere.
"""

from __future__ import annotations

from energybench.model import (
    Boundary,
    ChannelStats,
    Effect,
    Host,
    Measurement,
    Part,
    Region,
    Verification,
    WorkloadRef,
)
from tests.reports.sample_values import (
    OFFSETS_CPU,
    SOLVE,
    about,
    interval,
    repeats_of,
    scatter,
)


def cpu_node() -> Measurement:
    shares = {"cpu.package": 0.862, "cpu.dram": 0.138}
    energy = interval(
        58_420.0,
        scatter(92.0),
        Effect(
            name="cpu.package package-0: gain",
            u=756.0,
            key="gain:nid001-package-0",
            kind="gain",
            component="cpu.package",
            device="package-0",
            sensor="counter",
        ),
        Effect(
            name="cpu.package package-1: gain",
            u=749.0,
            key="gain:nid001-package-1",
            kind="gain",
            component="cpu.package",
            device="package-1",
            sensor="counter",
        ),
        Effect(
            name="cpu.dram package-0: gain",
            u=243.0,
            key="gain:nid001-dram-0",
            kind="gain",
            component="cpu.dram",
            device="package-0",
            sensor="counter",
        ),
        Effect(
            name="cpu.dram package-1: gain",
            u=241.0,
            key="gain:nid001-dram-1",
            kind="gain",
            component="cpu.dram",
            device="package-1",
            sensor="counter",
        ),
    )
    devices = ("package-0", "package-1")
    return Measurement(
        id="2026-03-02T10-15-02Z_milc_cpu_4f2a",
        label="CPU node",
        workload=WorkloadRef(
            name="milc",
            size="M",
            device="cpu",
            settings={"mass": 0.008, "threads": 64, "mixed": True},
        ),
        command=None,
        boundary=Boundary(
            name="compute",
            parts=tuple(
                Part(component=c, device=d, state="measured")
                for c in ("cpu.package", "cpu.dram")
                for d in devices
            ),
        ),
        quality="measured",
        energy_j=energy,
        components_j={
            "cpu.package": interval(
                50_358.0,
                scatter(80.0),
                Effect(name="gain", u=1064.0, key="gain:packages", kind="gain", sensor="counter"),
            ),
            "cpu.dram": interval(
                8_062.0,
                scatter(12.0),
                Effect(name="gain", u=342.0, key="gain:dram", kind="gain", sensor="counter"),
            ),
        },
        time_s=interval(124.31, scatter(0.09)),
        power_w=about(469.96, 452.1, 487.8),
        idle_power_w=about(172.4, 164.0, 180.8),
        idle_state="before the work, no context held, sensors polled",
        net_energy_j=about(36_989.0, 34_300.0, 39_700.0),
        work=SOLVE,
        energy_per_work_j=energy,
        verification=(
            Verification(quantity="true residual", value=6.4e-11, tolerance=1e-10, passed=True),
        ),
        repeats=repeats_of(58_420.0, 124.31, OFFSETS_CPU, shares, SOLVE, 45.0),
        regions=(
            Region(label="transfer", energy_j=None, time_s=0.004, count=8),
            Region(
                label="compile",
                energy_j=about(9_840.0, 9_480.0, 10_200.0),
                time_s=31.2,
                in_repeat=False,
            ),
        ),
        channels=tuple(
            ChannelStats(
                collector="rapl",
                device=d,
                component=c,
                kind="counter",
                period_s=0.1,
                jitter_s=0.0008,
                samples=11_842,
                missed=3,
                failed=0,
                update_period_s=0.001,
            )
            for c in ("cpu.package", "cpu.dram")
            for d in devices
        ),
        nodes=1,
        host=Host(
            name="nid001",
            cpu="Intel Xeon Platinum 8358",
            sockets=2,
            cores=64,
            threads=128,
            threads_allowed=64,
            memory_bytes=512 * 2**30,
            governor="performance",
            kernel="5.14.21",
            os="SLES 15 SP5",
            python="3.11.7",
            libraries={"torch": "2.13.0", "numpy": "2.4.6"},
            started_utc="2026-03-02T10:15:02Z",
            started_s=512_004.2,
        ),
        doubts=(),
    )
