"""Gains against a reference: the truth is recovered with an honest interval, and what cannot be
told is refused.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from energybench.analysis.energy.boundary import cover
from energybench.errors import BadInput
from energybench.meters.site_gain import Findings, of_board, of_node
from energybench.model import Channel, Gain, Gpu, Host, Trace, Window
from tests.analysis.truth import Energy, Sensor, channel, trace

RANGES = {
    "package_w": (20.0, 500.0, "x"),
    "memory_w_per_gb": (0.2, 0.5, "x"),
    "gpu_w": (0.0, 1000.0, "x"),
}
WINDOWS = [Window(label="idle", start_s=5.0, end_s=35.0)] + [
    Window(label="repeat", start_s=40 + 25 * i, end_s=60 + 25 * i, repeat=i) for i in range(3)
]
T = np.arange(0.0, 130.0, 0.05)


def load(idle_w: float, load_w: float) -> Energy:
    """Power of the idle phase and of the repeats, as joules since 0."""
    times = (
        [-100.0] + [t for window in WINDOWS[1:] for t in (window.start_s, window.end_s)] + [300.0]
    )
    watts = [idle_w] + [load_w, idle_w] * 3
    joules = np.concatenate(([0.0], np.cumsum(np.diff(times) * watts)))
    return lambda t: np.asarray(np.interp(t, times, joules))


def board(i: int, energy: Energy, gain: float, u_rel: float = 0.04, **changes: object) -> Trace:
    stated = channel(device=f"GPU-{i}", gain=Gain(u_rel=u_rel, key=f"gain:GPU-{i}"), **changes)
    sensor = Sensor(energy, gain=gain)
    return trace(
        stated, T, sensor.counts(T, 1e-3) if stated.kind == "counter" else sensor.watts(T, 1e-3)
    )


def meter(
    energy: Energy, component: str, device: str, limit: float = 0.01, lag_u_s: float = 0.0
) -> Trace:
    stated = Channel(
        collector="meter",
        reference=True,
        device=device,
        component=component,
        kind="counter",
        resolution=1e-3,
        gain=Gain(u_rel=limit / math.sqrt(3), key="gain:meter:m", distribution="rectangular"),
        update_period_s=1.0,
        lag_u_s=lag_u_s,
        stamped=True,
    )
    t = np.arange(-10.0, 140.0, 1.0)
    return trace(stated, t, np.round((energy(t) + 1e6) / 1e-3).astype(np.int64))


def against_board(
    gain: float, limit: float = 0.01, windows: list[Window] = WINDOWS, u_rel: float = 0.04
) -> Findings:
    energy = load(50.0, 400.0)
    traces = [
        board(0, energy, gain, u_rel),
        board(
            0,
            energy,
            gain * 1.01,
            kind="power",
            quantity="power_instant",
            window_s=0.025,
            counts=False,
        ),
    ]
    reference = meter(energy, "gpu.board", "GPU-0", limit)
    return of_board([*traces, reference], windows, reference.channel, "run")


@pytest.mark.parametrize("gain", [0.9, 0.945, 1.0, 1.11])
def test_a_boards_gain_is_recovered(gain: float) -> None:
    """Of its counter and its power reading, each its own; most of what is unknown is the meter's
    limit of error.
    """
    counter, power = against_board(gain).channels
    assert counter.gain.low <= gain <= counter.gain.high
    assert counter.gain.value == pytest.approx(gain, rel=0.003)
    assert power.gain.value == pytest.approx(gain * 1.01, rel=0.003)
    assert 0.01 / math.sqrt(3) * 0.9 < counter.u_rel < 0.012


def test_one_repeat_is_enough_where_its_edges_are_known() -> None:
    """Without scatter the window's own effects stand in for it."""
    counter = against_board(0.9, windows=WINDOWS[:2]).channels[0]
    assert counter.gain.low <= 0.9 <= counter.gain.high


def test_a_gain_that_was_taken_off_before_is_counted_in() -> None:
    """The profile says shown / true, whatever the run had believed."""
    energy = load(50.0, 400.0)
    shown = board(0, energy, 0.9)
    constant = Trace(
        channel=channel(device="GPU-0", gain=Gain(value=0.95, u_rel=0.04, key="k")),
        t_s=shown.t_s,
        raw=shown.raw,
        ok=shown.ok,
    )
    reference = meter(energy, "gpu.board", "GPU-0")
    assert of_board([constant, reference], WINDOWS, reference.channel, "run").channels[
        0
    ].gain.value == pytest.approx(0.9, rel=0.003)


@pytest.mark.parametrize("gain", [0.001, 0.5, 0.85, 1.2, 2.0, 8.5])
def test_a_gain_that_no_board_has_is_refused(gain: float) -> None:
    """One of two feeds, watts taken for milliwatts, another board: the meter is wrong, and no
    sensor. The message has the gain, the belief and the likely causes.
    """
    with pytest.raises(
        BadInput, match=r"contradicts .*: shown / true .*, believed 1 ± 4\.0%"
    ) as no:
        against_board(gain)
    assert "one of several feeds" in no.value.remedy
    assert "unit" in no.value.remedy


def test_a_gain_that_contradicts_an_earlier_calibration_names_it() -> None:
    """A sensor that was calibrated to 1 % does not move by 5 %."""
    shown = board(0, load(50.0, 400.0), 0.9)
    calibrated = Trace(
        channel=channel(device="GPU-0", gain=Gain(value=0.95, u_rel=0.01, key="k")),
        t_s=shown.t_s,
        raw=shown.raw,
        ok=shown.ok,
    )
    reference = meter(load(50.0, 400.0), "gpu.board", "GPU-0")
    with pytest.raises(BadInput, match="the earlier calibration of the sensor is wrong"):
        of_board([calibrated, reference], WINDOWS, reference.channel, "run")


def test_a_sensor_that_showed_no_energy_gets_no_gain() -> None:
    energy = load(0.0, 0.0)
    reference = meter(load(50.0, 400.0), "gpu.board", "GPU-0")
    with pytest.raises(BadInput, match="no sensor of GPU-0 showed energy"):
        of_board([board(0, energy, 1.0), reference], WINDOWS, reference.channel, "run")


def test_a_meter_no_better_than_the_prior_is_refused() -> None:
    """10 % of error tells nothing about a sensor believed to 4 %."""
    with pytest.raises(
        BadInput,
        match=r"^run: this reference does not improve on the prior: 0\.9\d\d ± 6\.\d% .* against "
        r"±4\.0%",
    ):
        against_board(0.93, limit=0.11)


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
    """Applied as errors of their own, they make the sum as uncertain as the scale: no better."""
    findings = scale(*node([0.9, 0.94, 0.96, 1.0], component="node", efficiency=1.0))
    assert findings.scale is not None
    u_scale = findings.scale.half_width / 1.96 / findings.scale.value
    assert len({one.gain.value for one in findings.channels}) == 1
    assert findings.scale.low <= 0.95 <= findings.scale.high
    alone = [one.u_rel for one in findings.channels]
    assert math.sqrt(sum((u / 4) ** 2 for u in alone)) >= u_scale * 0.999


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
