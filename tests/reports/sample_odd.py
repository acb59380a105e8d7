"""Samples that are hard to report: an estimate, a lost sensor, hostile text."""

from __future__ import annotations

import math

import msgspec

from energybench.model import (
    Boundary,
    ChannelStats,
    Comparison,
    Condition,
    Document,
    Doubt,
    Effect,
    Host,
    Idle,
    Image,
    Measurement,
    OtherLoad,
    Part,
    PowerSeries,
    Repeat,
    Series,
    Timeline,
    Verification,
    Window,
    WorkRecord,
)
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared
from tests.reports.sample_values import A100, SOLVE, about, interval, repeats_of, scatter

HOSTILE = (
    "</script><script>document.title='owned';alert(1)</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "a|b`c`\n| --- |\n# d [e](http://example.org) **f** \x1b[31mred\x1b[0m \u202egnp.exe",
)


DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def estimated() -> Document:
    """No sensor on the two sides: time x assumed power, and no energy verdict."""
    doubt = Doubt(
        code="estimated",
        message="no sensor works here (virtual machine: kvm): energies are time x assumed power, "
        "±50 %",
        remedy="`energybench doctor` names the sensors and what would open them",
    )

    def run(name: str, time_s: float, watts: float) -> Measurement:
        effect = Effect(
            name="cpu.package: assumed power",
            u=0.2887 * watts * time_s,
            distribution="rectangular",
            key="model:AMD EPYC",
            kind="assumed-power",
            component="cpu.package",
            sensor="model",
        )
        return Measurement(
            id=name,
            label=name,
            workload=None,
            command=("./solve", "--threads", "2"),
            boundary=Boundary(
                name="compute",
                parts=(
                    Part(
                        component="cpu.package",
                        device="package-0",
                        state="modelled",
                        low_w=0.0,
                        high_w=2 * watts,
                    ),
                ),
            ),
            quality="estimated",
            energy_j=interval(watts * time_s, effect, k=math.sqrt(3)),
            components_j={"cpu.package": interval(watts * time_s, effect, k=math.sqrt(3))},
            time_s=interval(time_s, scatter(0.02 * time_s, 3)),
            power_w=about(watts, watts / 2, watts * 1.5),
            idle_power_w=None,
            net_energy_j=None,
            work=None,
            energy_per_work_j=None,
            verification=(),
            repeats=repeats_of(
                watts * time_s, time_s, (0.01, -0.02, 0.01), {"cpu.package": 1.0}, None, 0.0
            ),
            regions=(),
            channels=(),
            nodes=1,
            host=Host(name="vm-7", virtual="kvm"),
            doubts=(doubt,),
        )

    before, after = run("before", 81.0, 90.0), run("after", 52.4, 90.0)
    both = Comparison(
        title="time x assumed power",
        baseline=before.id,
        candidate=after.id,
        labels=("before", "after"),
        boundary="compute",
        quality="estimated",
        energy_ratio=about(1.546, 1.49, 1.60),
        speedup=about(1.546, 1.49, 1.60),
        net_energy_ratio=None,
        node_hours=(0.0225, 0.01456),
        energy_delay_ratio=None,
        verdict=None,
        margin=0.05,
        second_lines=(),
        power_w=(before.power_w, after.power_w),
        idle_power_w=(None, None),
        doubts=(doubt,),
    )
    return Document(
        title="An optimisation on a virtual machine",
        results=(before, after, both),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )


def partial() -> Document:
    """The sensor was lost during the run: the energy is None, although a repeat was measured."""
    node = gpu_node()
    lost = Doubt(
        code="sensor-lost",
        message=f"{A100[1]} stopped answering in repeat 2 (GPU is lost)",
        remedy="see the kernel log (Xid), then run again",
    )
    repeats = (
        node.repeats[0],
        *(
            Repeat(start_s=r.start_s, end_s=r.end_s, energy_j=None, work=r.work)
            for r in node.repeats[1:3]
        ),
    )
    measurement = Measurement(
        id="2026-03-03T09-00-00Z_milc_node_0c0c",
        label="GPU node, sensor lost",
        workload=node.workload,
        command=None,
        boundary=Boundary(
            name="compute",
            parts=(
                Part(component="cpu.package", device="package-0", state="measured"),
                Part(
                    component="gpu.board", device=A100[1], state="missing", low_w=0.0, high_w=400.0
                ),
            ),
        ),
        quality=None,
        energy_j=None,
        components_j={},
        time_s=node.time_s,
        power_w=None,
        idle_power_w=None,
        net_energy_j=None,
        work=SOLVE,
        energy_per_work_j=None,
        verification=(
            Verification(quantity="true residual", value=None, tolerance=1e-10, passed=False),
        ),
        repeats=repeats,
        regions=(),
        nodes=1,
        channels=(
            ChannelStats(
                collector="nvml",
                device=A100[1],
                component="gpu.board",
                kind="counter",
                period_s=None,
                jitter_s=None,
                samples=0,
                missed=0,
                failed=412,
            ),
        ),
        host=Host(name="nid102"),
        doubts=(lost,),
    )
    both = Comparison(
        title="energy ratio",
        baseline="cpu",
        candidate=measurement.id,
        labels=("CPU node", measurement.label),
        boundary="compute",
        quality=None,
        energy_ratio=None,
        speedup=about(12.0, 11.94, 12.06),
        net_energy_ratio=None,
        node_hours=(0.03453, 0.002877),
        energy_delay_ratio=None,
        verdict=None,
        margin=0.05,
        second_lines=(),
        power_w=(None, None),
        idle_power_w=(None, None),
        doubts=(lost,),
    )
    silent = PowerSeries(
        run=measurement.id,
        component="gpu.board",
        device=A100[1],
        t_s=(0.0, 1.0, 2.0),
        power_w=(None, None, None),
    )
    line = Timeline(
        run=measurement.id,
        series=(silent,),
        windows=(Window(label="repeat", start_s=0.5, end_s=1.5, repeat=0),),
    )
    return Document(
        title="A run that lost its sensor",
        results=(measurement, both),
        timelines=(line,),
        created_utc="2026-03-03T09:10:00Z",
        version="0.1.0",
    )


def hostile() -> Document:
    """Foreign text with markup, scripts and control characters, in every field for foreign text."""
    script, image, table = HOSTILE
    cpu, gpu = cpu_node(), gpu_node()
    bad = Doubt(code="sensor-note", message=image + table, remedy=script)

    def renamed(m: Measurement, label: str) -> Measurement:
        parts = tuple(
            Part(
                component=table if p.component == "cpu.dram" else p.component,
                device=script,
                state=p.state,
                low_w=p.low_w,
                high_w=p.high_w,
            )
            for p in m.boundary.parts
        )
        fields = {name: getattr(m, name) for name in m.__struct_fields__}
        fields |= {
            "label": label,
            "command": (script, image),
            "boundary": Boundary(name="compute", parts=parts),
            "doubts": (bad,),
            "components_j": {
                script: m.components_j["cpu.package"],
                table: m.components_j["cpu.package"],
            },
            "host": Host(name=script, cpu=image, libraries={table: script}),
            "idles": (Idle(state=script, start_s=0.0, end_s=1.0, power_w=about(1.0, 0.5, 1.5)),),
            "conditions": (Condition(t_s=0.0, device=script, temperature_c=40.0, throttle=table),),
            "others": (
                OtherLoad(name=image, pid=1, device=table, busy=1.0, start_s=0.0, end_s=1.0),
            ),
            "channels": (
                msgspec.structs.replace(
                    m.channels[0], device=table, timing="profile", calibrated_utc=script
                ),
            ),
            "record": WorkRecord(
                title=script,
                notes=(table,),
                statement={image: script, table: (image, table)},
                figures={script: 1.0},
                series=(
                    Series(
                        name=image,
                        x=(0.0, 1.0, 2.0),
                        y=(1.0, None, 0.5),
                        x_title=script,
                        y_title=table,
                    ),
                ),
                images=(Image(name=script, png=DOT, alt=image),),
                doubts=(bad,),
            ),
            "verification": (Verification(quantity=image, value=1.0, tolerance=1.0, passed=True),),
        }
        return Measurement(**fields)

    one, two = renamed(cpu, script), renamed(gpu, image)
    series = (
        PowerSeries(run=one.id, component=script, device=image, t_s=(0.0, 1.0), power_w=(1.0, 2.0)),
    )
    window = Window(label=image, start_s=0.0, end_s=1.0)
    return Document(
        title=script,
        results=(one, two, compared(one, two)),
        timelines=(Timeline(run=one.id, series=series, windows=(window,)),),
        notes=(image, table, script),
        created_utc=script,
        version=image,
    )
