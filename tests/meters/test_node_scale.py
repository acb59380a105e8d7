"""The common scale of a node's sensors against a meter of the whole node."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from energybench.analysis.energy.boundary import cover
from energybench.errors import BadInput
from energybench.meters.site_gain import Findings, of_node
from energybench.model import Channel, Gain, Gpu, Host, Trace
from tests.analysis.truth import Sensor, channel, trace
from tests.meters.known_loads import RANGES, WINDOWS, T, against_board, board, load, meter


def node(
    gains: list[float],
    shown: list[Trace] | None = None,
    *,
    component: str = "node.ac",
    efficiency: float = 0.94,
    idle_w: float = 50.0,
    fans: float = 0.0,
) -> tuple[list[Trace], Channel]:
    """Boards whose sensors have these gains, and a node meter over them: 200 W of fixed power, fans
    that follow the load.
    """
    energy = load(idle_w, 400.0)
    boards = [board(i, energy, gain) for i, gain in enumerate(gains)]
    plug = meter(
        lambda t: (200 * t + (1 + fans) * len(gains) * energy(t)) / efficiency, component, "m"
    )
    return [*boards, *(shown or []), plug], plug.channel


def scale(
    traces: list[Trace], reference: Channel, psu: float | None = None, memory_gb: float = 0.0
) -> Findings:
    boards = tuple(
        Gpu(uuid=t.channel.device, name="board")
        for t in traces
        if t.channel.component == "gpu.board"
    )
    chosen = cover(
        "device",
        [t.channel for t in traces],
        Host(name="n", gpus=boards, memory_bytes=int(memory_gb * 1e9)),
        RANGES,
    )
    return of_node(traces, WINDOWS, reference, chosen, "run", psu)


def test_the_common_scale_of_a_node_is_recovered() -> None:
    """Over nodes of any gain, with any supply and any fans that are allowed for, 95 % intervals
    hold the truth.
    """
    random = np.random.default_rng(5)
    covered = {"supply unknown": 0, "supply stated": 0}
    n = 60
    for _ in range(n):
        gain, efficiency, fans = (
            random.normal(1.0, 0.04),
            random.uniform(0.88, 0.97),
            random.uniform(0.0, 0.05),
        )
        traces, reference = node([gain], efficiency=efficiency, fans=fans)
        for name, psu in (("supply unknown", None), ("supply stated", efficiency)):
            estimate = scale(traces, reference, psu).scale
            assert estimate is not None
            covered[name] += estimate.low <= gain <= estimate.high
    assert all(count >= 0.9 * n for count in covered.values()), covered
    stated = scale(*node([1.04]), psu=0.94)
    assert stated.scale is not None
    assert stated.scale.half_width < 0.04
    assert stated.fixed_w == pytest.approx(200 / 0.94, rel=0.02)


def test_behind_the_supply_there_is_no_efficiency_to_know() -> None:
    """A BMC's meter is better placed."""
    findings = scale(*node([0.95], component="node", efficiency=1.0))
    assert findings.scale is not None
    assert findings.scale.low <= 0.95 <= findings.scale.high
    assert not any("supply" in effect.name for effect in findings.scale.effects)


@pytest.mark.parametrize("gain", [0.5, 0.85, 1.2, 2.0])
def test_a_scale_that_no_node_has_is_refused(gain: float) -> None:
    """Two of four supplies, or another node behind the meter."""
    with pytest.raises(BadInput, match=r"contradicts the 2 sensors.*believed 1 ± 4\.0%"):
        scale(*node([gain, gain], component="node", efficiency=1.0))


def test_four_boards_share_a_scale_and_each_is_known_less_well() -> None:
    """The meter's error in common and the rest as errors of their own make the sum as uncertain as
    the scale: no better.
    """
    findings = scale(*node([0.9, 0.94, 0.96, 1.0], component="node", efficiency=1.0))
    assert findings.scale is not None
    u_scale = findings.scale.half_width / 1.96 / findings.scale.value
    assert len({one.gain.value for one in findings.channels}) == 1
    assert findings.scale.low <= 0.95 <= findings.scale.high
    meter_u = 0.01 / math.sqrt(3)
    rest = [one.u_rel**2 - meter_u**2 for one in findings.channels]
    assert min(rest) > 0
    assert math.sqrt(sum(rest) / 16 + meter_u**2) >= u_scale * 0.999


@pytest.mark.parametrize("gains", [(1.04, 1.0), (1.04, 0.96), (0.96, 1.03), (1.0, 1.0)])
def test_the_interval_of_a_part_is_its_own_and_not_that_of_the_sum(
    gains: tuple[float, float],
) -> None:
    """A package and its memory, a twelfth of the sum, whose gains differ: both intervals hold their
    own gain, also that of the memory's power reading, and fit the uncertainty beside them.
    """
    package, memory = load(50.0, 400.0), load(4.0, 36.0)
    shown = [
        trace(
            channel(
                collector="rapl",
                device="package-0",
                component=component,
                quantity=quantity,
                resolution=1e-6,
                gain=Gain(u_rel=u_rel, key=component),
                counts=not quantity,
                socket="package-0",
            ),
            T,
            Sensor(energy, gain=gain).counts(T, 1e-6),
        )
        for component, quantity, energy, gain, u_rel in (
            ("cpu.package", "", package, gains[0], 0.03),
            ("cpu.dram", "", memory, gains[1], 0.06),
            ("cpu.dram", "beside", memory, gains[1] * 1.02, 0.06),
        )
    ]
    plug = meter(lambda t: 200 * t + 1.02 * (package(t) + memory(t)), "node", "m")
    host = Host(name="n", sockets=1, memory_bytes=10**9)
    chosen = cover("compute", [one.channel for one in shown], host, RANGES)
    findings = of_node([*shown, plug], WINDOWS, plug.channel, chosen, "run")
    assert findings.scale is not None
    of_parts = {(one.channel.component, one.channel.quantity): one for one in findings.channels}
    assert len(of_parts) == 3
    for (component, quantity), one in of_parts.items():
        true = gains[component == "cpu.dram"] * (1.02 if quantity else 1.0)
        assert one.gain.low <= true <= one.gain.high
        assert one.gain.half_width == pytest.approx(1.96 * one.u_rel * one.gain.value, rel=0.01)
        assert one.gain.half_width >= findings.scale.half_width
    narrow, wide = of_parts["cpu.package", ""], of_parts["cpu.dram", ""]
    assert wide.gain.half_width > 1.5 * narrow.gain.half_width


def test_a_power_reading_beside_a_counter_keeps_its_ratio() -> None:
    """Else the cross-check of a later run would find that the two disagree."""
    energy = load(50.0, 400.0)
    beside = board(
        0, energy, 0.95 * 1.03, kind="power", quantity="power_instant", window_s=0.025, counts=False
    )
    counter, power = scale(*node([0.95], [beside]), psu=0.94).channels
    assert power.gain.value / counter.gain.value == pytest.approx(1.03, rel=0.005)


def test_windows_of_one_power_are_refused() -> None:
    """The slope is what tells the gain; without an idle phase there is none."""
    with pytest.raises(
        BadInput, match=r"its windows do not differ enough in power \(370 to 400 W by its sensors\)"
    ):
        scale(*node([1.0], idle_w=370.0))


def test_an_unknown_supply_hides_what_is_believed_of_a_sum() -> None:
    """Four boards of 4 % each are believed to 2 % together; a supply between 0.88 and 0.97 is known
    to 2.8 %.
    """
    with pytest.raises(BadInput, match=r"does not improve on the prior: .* against ±2\.0%"):
        scale(*node([1.0] * 4))


def test_a_model_is_not_calibrated() -> None:
    """A CPU by its TDP has no gain."""
    energy = load(50.0, 400.0)
    model = trace(
        channel(
            collector="estimate", device="package-0", component="cpu.package", quality="estimated"
        ),
        T,
        Sensor(energy).counts(T, 1e-3),
    )
    traces, reference = node([1.0], [model])
    chosen = cover("compute", [t.channel for t in traces], Host(name="n", memory_bytes=1), RANGES)
    with pytest.raises(BadInput, match=r"cpu\.package is a model here, not a sensor"):
        of_node(traces, WINDOWS, reference, chosen, "run")


def test_a_meter_that_falls_while_the_sensors_rise_is_refused() -> None:
    """It is another node's."""
    traces, _ = node([1.0])
    energy = load(50.0, 400.0)
    other = meter(lambda t: 900 * t - energy(t), "node.ac", "m")
    with pytest.raises(BadInput, match="the meter falls while the sensors rise"):
        scale([traces[0], other], other.channel)


def socket_with_memory(gigabytes: float, load_w: float = 400.0) -> Findings:
    """One socket, a meter behind the supply, and memory that no counter sees."""
    energy = load(50.0, load_w)
    stated = channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        gain=Gain(u_rel=0.03, key="gain:p"),
    )
    package, plug = (
        trace(stated, T, Sensor(energy).counts(T, 1e-3)),
        meter(lambda t: 200 * t + energy(t), "node", "m"),
    )
    chosen = cover(
        "compute",
        [package.channel],
        Host(name="n", sockets=1, memory_bytes=int(gigabytes * 1e9)),
        RANGES,
    )
    return of_node([package, plug], WINDOWS, plug.channel, chosen, "run")


def test_where_memory_dominates_the_remedy_is_a_larger_rise() -> None:
    """512 GB may draw 154 W more or less while the socket rises by 350 W: no better meter and no
    longer idle phase would help, and the rise named does.
    """
    with pytest.raises(BadInput) as error:
        socket_with_memory(512)
    assert "most is open in parts without a sensor ±1" in error.value.what
    assert (
        "memory without a counter may draw 102-256 W and the sensors rise by 350 W only"
        in error.value.remedy
    )
    assert not [
        word
        for word in ("better meter", "--idle", "`calibrate --psu-efficiency", "attach")
        if word in error.value.remedy
    ]
    (wanted,) = re.findall(r"work that raises them by (\d+) W", error.value.remedy)
    findings = socket_with_memory(512, load_w=50.0 + float(wanted))
    assert findings.channels[0].u_rel < 0.03


def test_the_remedy_is_that_of_the_largest_effect() -> None:
    """An unknown supply wants its efficiency, a poor meter a better one; with memory beside the
    supply both are named, the larger first.
    """
    for refused, most, remedy in (
        (
            lambda: scale(*node([1.0] * 4)),
            "efficiency of the power supply ±2.8%",
            "`calibrate --psu-efficiency",
        ),
        (lambda: against_board(0.93, limit=0.11), "limit of error ±6", "a better meter"),
    ):
        with pytest.raises(BadInput) as error:
            refused()
        assert most in error.value.what
        assert error.value.remedy.startswith(remedy)
    traces, reference = node([1.0] * 4)
    boards = tuple(Gpu(uuid=f"GPU-{i}", name="board") for i in range(4))
    package = trace(
        channel(collector="rapl", device="package-0", component="cpu.package"),
        T,
        Sensor(load(50.0, 400.0)).counts(T, 1e-3),
    )
    host = Host(name="n", sockets=1, gpus=boards, memory_bytes=int(1.5e12))
    chosen = cover("compute", [*(t.channel for t in traces), package.channel], host, RANGES)
    with pytest.raises(BadInput) as error:
        of_node([*traces, package], WINDOWS, reference, chosen, "run")
    memory, supply = error.value.remedy.split("; and ")
    assert memory.startswith("memory without a counter may draw 300-750 W")
    assert supply.startswith("`calibrate --psu-efficiency")
