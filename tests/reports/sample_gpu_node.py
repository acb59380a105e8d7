"""A measured node with four A100 for the samples, some of which may be unused.

Synthetic numbers, measured nowhere.
"""

from __future__ import annotations

from energybench.model import (
    Boundary,
    ChannelStats,
    Condition,
    Doubt,
    Effect,
    Gpu,
    Host,
    Idle,
    Measurement,
    OtherLoad,
    Part,
    Region,
    Verification,
    WorkloadRef,
)
from tests.reports.sample_values import (
    A100,
    OFFSETS_GPU,
    SOLVE,
    about,
    interval,
    repeats_of,
    scatter,
)


def gpu_node(used: int = 4) -> Measurement:
    boards = tuple(
        Part(component="gpu.board", device=uuid, state="measured", used=i < used)
        for i, uuid in enumerate(A100)
    )
    shares = {"cpu.package": 0.093, "cpu.dram": 0.079, "gpu.board": 0.828 if used == 4 else 0.70}
    components = {
        "cpu.package": interval(
            1_085.0,
            Effect(name="gain", u=33.0, key="gain:nid101-package-0", kind="gain", sensor="counter"),
        ),
        "cpu.dram": interval(
            922.0,
            Effect(
                name="model, hardware",
                u=117.0,
                distribution="rectangular",
                key="memory@nid101",
                kind="model",
                sensor="model",
            ),
        ),
        "gpu.board": interval(
            9_675.0 if used == 4 else 8_180.0,
            Effect(name="gain", u=194.0, kind="gain", sensor="counter"),
        ),
    }
    if used < 4:
        components["gpu.board.unused"] = interval(
            1_495.0, Effect(name="gain", u=31.0, kind="gain", sensor="counter")
        )
    energy = interval(
        11_682.0,
        scatter(41.0),
        *(
            Effect(
                name=f"gpu.board {uuid}: gain",
                u=97.0 - i,
                key=f"gain:{uuid}",
                kind="gain",
                component="gpu.board",
                device=uuid,
                sensor="counter",
            )
            for i, uuid in enumerate(A100)
        ),
        Effect(
            name="cpu.package package-0: gain",
            u=32.6,
            key="gain:nid101-package-0",
            kind="gain",
            component="cpu.package",
            device="package-0",
            sensor="counter",
        ),
        Effect(
            name="cpu.dram: model, hardware",
            u=83.0,
            distribution="rectangular",
            key="cpu.dram@nid101",
            kind="model",
            component="cpu.dram",
            sensor="model",
        ),
        Effect(
            name="cpu.dram: model, load",
            u=83.0,
            distribution="rectangular",
            kind="model",
            component="cpu.dram",
            sensor="model",
        ),
        Effect(
            name="network: missing",
            u=52.0,
            distribution="bound",
            kind="missing",
            component="network",
            sensor="model",
        ),
    )
    return Measurement(
        id="2026-03-02T11-40-37Z_milc_node_91bc",
        label="GPU node",
        workload=WorkloadRef(
            name="milc",
            size="M",
            device="node",
            settings={"mass": 0.008, "gpus": used, "mixed": True},
        ),
        command=None,
        boundary=Boundary(
            name="compute",
            parts=(
                Part(component="cpu.package", device="package-0", state="measured"),
                *boards,
                Part(
                    component="cpu.dram",
                    device="256 GB",
                    state="modelled",
                    low_w=51.2,
                    high_w=128.0,
                ),
                Part(component="network", state="missing", low_w=0.0, high_w=17.5),
            ),
        ),
        quality="mixed",
        energy_j=energy,
        components_j=components,
        time_s=interval(10.358, scatter(0.021)),
        power_w=about(1_127.8, 1_085.0, 1_198.0),
        highest_power_w=about(1_310.0, 1_255.0, 1_392.0),
        idle_power_w=about(398.0, 372.0, 441.0),
        idle_state="before and after the work, no context held, sensors polled",
        idles=(
            Idle(
                state="before the work, no context held, sensors polled",
                start_s=2.0,
                end_s=32.0,
                power_w=about(395.0, 370.0, 437.0),
            ),
            Idle(
                state="after the work, no context held, sensors polled",
                start_s=141.0,
                end_s=171.0,
                power_w=about(401.0, 375.0, 444.0),
            ),
        ),
        conditions=tuple(
            Condition(
                t_s=t_s,
                device=uuid,
                temperature_c=41.0 + i + warmer,
                clock_mhz=clock,
                throttle=throttle,
            )
            for i, uuid in enumerate(A100)
            for t_s, warmer, clock, throttle in (
                (2.0, 0.0, 1410.0, "none"),
                (60.0, 17.0, 1380.0, "SW power cap" if i == 2 else "none"),
                (140.0, 22.0, 1395.0, "none"),
            )
        ),
        others=(
            OtherLoad(
                name="backup-agent", pid=4411, device="cpu", busy=0.8, start_s=52.0, end_s=96.0
            ),
        ),
        net_energy_j=about(7_559.0, 6_900.0, 8_260.0),
        work=SOLVE,
        energy_per_work_j=energy,
        verification=(
            Verification(quantity="true residual", value=7.9e-11, tolerance=1e-10, passed=True),
        ),
        repeats=repeats_of(11_682.0, 10.358, OFFSETS_GPU, shares, SOLVE, 45.0),
        regions=(
            Region(label="transfer", energy_j=None, time_s=0.31, count=8),
            Region(label="cg", energy_j=about(11_310.0, 10_880.0, 11_740.0), time_s=10.02, count=8),
            Region(
                label="compile",
                energy_j=about(14_200.0, 13_650.0, 14_750.0),
                time_s=48.5,
                in_repeat=False,
            ),
        ),
        channels=(
            ChannelStats(
                collector="rapl",
                device="package-0",
                component="cpu.package",
                kind="counter",
                period_s=0.1,
                jitter_s=0.0011,
                samples=2_210,
                missed=1,
                failed=0,
                timing="inferred",
                update_period_s=0.00098,
            ),
            *(
                ChannelStats(
                    collector="nvml",
                    device=uuid,
                    component="gpu.board",
                    kind="counter",
                    quantity="energy",
                    period_s=0.1,
                    jitter_s=0.0019,
                    samples=2_204,
                    missed=1,
                    failed=6 * (i == 2),
                    timing="profile",
                    calibrated_utc="2026-02-18T08:00:00Z",
                    update_period_s=0.1003,
                    window_s=0.025,
                )
                for i, uuid in enumerate(A100)
            ),
        ),
        nodes=1,
        host=Host(
            name="nid101",
            cpu="AMD EPYC 7763",
            sockets=1,
            cores=64,
            threads=128,
            threads_allowed=128,
            memory_bytes=256 * 2**30,
            governor="performance",
            kernel="5.14.21",
            os="SLES 15 SP5",
            python="3.11.7",
            libraries={"torch": "2.13.0", "numpy": "2.4.6"},
            gpus=tuple(
                Gpu(
                    uuid=uuid,
                    name="NVIDIA A100-SXM4-40GB",
                    used=i < used,
                    driver="550.54.15",
                    cuda="12.4",
                    pci_bus_id=f"0000:{0x03 + 0x40 * i:02x}:00.0",
                    memory_bytes=40 * 2**30,
                    power_limit_w=400.0,
                    power_limit_default_w=400.0,
                    power_limit_min_w=100.0,
                    power_limit_max_w=400.0,
                    sm_clock_mhz=1410,
                    sm_clock_max_mhz=1410,
                    memory_clock_mhz=1215,
                    memory_clock_max_mhz=1215,
                    persistence=True,
                    ecc=True,
                    mig=False,
                    temperature_c=41 + i,
                    throttle_reasons="none",
                )
                for i, uuid in enumerate(A100)
            ),
            started_utc="2026-03-02T11:40:37Z",
            started_s=88_120.0,
        ),
        doubts=(
            Doubt(
                code="memory-modelled",
                message="memory has no energy counter here: modelled at 51-128 W for what is "
                "installed",
                remedy="a node meter, or a CPU with a DRAM counter",
            ),
            Doubt(
                code="part-missing",
                message="network has no working sensor: up to 18 W more, in the interval only",
                remedy="see `energybench doctor` for what would make it measurable",
            ),
            Doubt(
                code="failed-reads",
                message=f"6 sensor reads failed, 6 of them nvml gpu.board {A100[2]}; they were "
                "passed over",
                remedy="see `energybench doctor`",
            ),
        ),
    )
