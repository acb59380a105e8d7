"""Synthetic sensors against a closed-form truth, recorded channels, and replay files."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.collectors.replay import (
    ConstWave,
    RecordedChannel,
    Replay,
    SineWave,
    SquareWaveSpec,
    StepsWave,
    SyntheticChannel,
    SyntheticSeries,
)
from energybench.collectors.replay_file import load_synthetic
from energybench.data import priors
from energybench.errors import BadInput
from energybench.model import Channel, Gain, Trace
from energybench.plugins import Context
from tests.analysis import truth
from tests.simulators import VirtualClock

EXAMPLES = Path(__file__).parents[2] / "energybench/data/replays"

watts = st.floats(0, 1000)
periods = st.floats(0.01, 20)
times = st.floats(0, 200)
waves = st.one_of(
    st.builds(ConstWave, watts),
    st.builds(
        lambda a, b, period, duty: SquareWaveSpec(min(a, b), max(a, b), period, duty),
        watts,
        watts,
        periods,
        st.floats(0, 1),
    ),
    st.builds(
        lambda mean, share, period: SineWave(mean, mean * share, period),
        watts,
        st.floats(0, 1),
        periods,
    ),
    st.lists(st.tuples(times, watts), min_size=1, max_size=8, unique_by=lambda step: step[0]).map(
        lambda steps: StepsWave(tuple(sorted(steps)))
    ),
)


def series(kind="counter", **more) -> SyntheticSeries:
    return SyntheticSeries(
        SyntheticChannel(
            **{"device": "d", "component": "cpu.package", "kind": kind, "wave": ConstWave(100.0)}
            | more
        )
    )


def by_sum(wave, start_s: float, end_s: float, n: int = 20_000) -> float:
    """Midpoint sum of power, the reference for the closed form."""
    step = (end_s - start_s) / n
    return sum(wave.power_w(start_s + (i + 0.5) * step) for i in range(n)) * step


@settings(max_examples=40)
@given(waves, st.floats(0, 50), st.floats(0.1, 5))
def test_closed_form_energy_is_the_integral_of_power(wave, start_s: float, span_s: float) -> None:
    """The energy of every waveform is the integral of its power, to the error of 20 000 strips."""
    power = wave.wave()
    # an edge of the waveform costs at most half a strip
    edges = 2 * span_s / min(getattr(wave, "period_s", span_s), span_s) + 8
    energy_j = power.energy_j(start_s + span_s) - power.energy_j(start_s)
    assert energy_j == pytest.approx(
        by_sum(power, start_s, start_s + span_s),
        rel=1e-6,
        abs=2000 * edges * span_s / 20_000 + 1e-9,
    )


@given(
    waves,
    times,
    times,
    st.one_of(st.just(0.0), st.floats(1e-6, 0.5)),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.integers(0, 10**12),
)
def test_counter_differences_are_true_energy(
    wave, t0: float, t1: float, period_s: float, phase_s: float, lag_s: float, start: int
) -> None:
    """The difference of a counter between two publications is the true energy, to a count; a value
    does not appear before its publication.
    """
    sensor = series(
        wave=wave, period_s=period_s, phase_s=phase_s, lag_s=lag_s, start=start, resolution=1e-3
    )
    shown = (sensor.at(t1) - sensor.at(t0)) * 1e-3
    from_s, to_s = (sensor.published_s(t) - lag_s for t in (t0, t1))
    assert shown == pytest.approx(sensor.true_energy_j(from_s, to_s), rel=1e-9, abs=1.1e-3)
    assert all(t - period_s - 1e-9 <= sensor.published_s(t) <= t + 1e-9 for t in (t0, t1))


@given(waves, times, st.floats(0.001, 2), st.floats(0, 1), st.floats(0.5, 1.5))
def test_power_is_the_mean_over_its_window(
    wave, t_s: float, window_s: float, lag_s: float, gain: float
) -> None:
    """A reading published at T is gain x energy over [T - lag - window, T - lag] / window."""
    sensor = series("power", wave=wave, period_s=0.1, window_s=window_s, lag_s=lag_s, gain=gain)
    end_s = sensor.published_s(t_s) - lag_s
    assert sensor.at(t_s) * 1e-3 == pytest.approx(
        gain * sensor.true_energy_j(end_s - window_s, end_s) / window_s, rel=1e-6, abs=1e-3
    )


@given(waves, st.integers(10**5, 10**9), st.lists(st.floats(0.001, 1), min_size=1, max_size=20))
def test_wrapped_counter_adds_up_again(wave, wrap: int, steps_s: list[float]) -> None:
    """Reads that are more frequent than the wraps recover the energy modulo `wrap`."""
    sensor = series(wave=wave, wrap=wrap, resolution=0.1, start=wrap - 1)
    without_wrap = series(wave=wave, resolution=0.1, start=wrap - 1)
    t_s, last, total = 0.0, sensor.at(0.0), 0
    for step_s in steps_s:
        t_s += step_s
        raw = sensor.at(t_s)
        assert 0 <= raw < wrap
        total, last = total + (raw - last) % wrap, raw
    assert total == without_wrap.at(t_s) - without_wrap.at(0.0)


def test_outages_and_energy_gain() -> None:
    """Every read in an outage fails; a counter may have a different gain from a power reading."""
    sensor = series(outages=((1.0, 2.0),), gain=2.0, energy_gain=0.5)
    assert [sensor.at(t) for t in (0.999, 1.0, 1.999)] == [pytest.approx(49950, abs=1), None, None]
    assert sensor.at(2.0) == pytest.approx(100_000, abs=1)


def test_counter_of_samples() -> None:
    """A counter of samples behind a 25 ms sensor, locked to a 100 ms wave, takes the sampled
    quarter for the whole period.
    """
    wave = SquareWaveSpec(100.0, 500.0, 0.1, 0.25)
    sampled, truth = (
        series(wave=wave, energy_from="samples", window_s=0.025, phase_s=0.025),
        series(wave=wave),
    )
    assert sampled.at(10.03) * 1e-3 == pytest.approx(5000, rel=0.01)
    assert truth.at(10.0) * 1e-3 == pytest.approx(2000, rel=1e-6)
    assert sampled.at(5.03) < sampled.at(10.03)  # a read back in time gives the earlier value


def test_recorded_channel_shows_the_last_sample() -> None:
    """None before the first sample and for a failed read; else the last sample at or before now."""
    package = Channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        kind="counter",
        resolution=1e-6,
        gain=Gain(u_rel=0.03, key="k"),
    )
    trace = Trace(
        channel=package,
        t_s=np.array([10.0, 10.1, 10.2]),
        raw=np.array([5, 0, 7]),
        ok=np.array([True, False, True]),
    )
    recorded = RecordedChannel.of(trace, start_s=9.0)
    assert [recorded.at(t) for t in (0.9, 1.0, 1.05, 1.1001, 1.3, 99)] == [None, 5, 5, None, 7, 7]
    clock = VirtualClock(1.0)
    replay = Replay([recorded])
    assert replay.open(Context(clock=clock)) == [package]
    assert replay.read() == [5]
    clock.t_s = 2.0
    assert replay.read() == [7]
    replay.close()
    replay.close()
    assert replay.read() == []


def test_recorded_channel_of_any_length() -> None:
    """Far more samples than are in memory: forward, far ahead, and back in time, the last sample at
    or before the time.
    """
    n = 30_000
    random = np.random.Generator(np.random.Philox(5))
    t_s = np.cumsum(random.choice([0.0, 0.005, 0.083, 0.1, 7.0], n))
    trace = Trace(
        channel=truth.channel(),
        t_s=t_s,
        raw=np.arange(n),
        ok=random.random(n) > 0.01,
    )
    recorded = RecordedChannel.of(trace)
    end_s = float(t_s[-1])
    times = [
        *np.arange(-1.0, 200.0, 0.1).tolist(),
        *np.linspace(0.0, end_s + 5.0, 5000).tolist(),
        *random.uniform(-1.0, end_s + 1.0, 50).tolist(),
        *t_s[8180:8200].tolist(),
        *t_s[[0, -1]].tolist(),
    ]
    for time_s in times:
        last = int(np.searchsorted(t_s, time_s, side="right")) - 1
        expected = last if last >= 0 and trace.ok[last] else None
        assert recorded.at(time_s) == expected, time_s


@pytest.mark.parametrize("name", ["cpu-node", "gpu-node"])
def test_example_files(name: str) -> None:
    """The examples load and open; counters show the true energy of every repeat to 0.1 %; both
    examples did equal work.
    """
    spec = load_synthetic(EXAMPLES / f"{name}.toml")
    clock = VirtualClock()
    replay = Replay(spec.series)
    channels = replay.open(Context(clock=clock, priors=priors()))
    assert len({channel.id for channel in channels}) == len(channels)
    assert (len(spec.repeats), spec.idle.start_s, spec.idle.label) == (8, 0.0, "idle")
    assert all(region.repeat is not None for region in spec.regions if region.label == "solve")
    assert {gpu.uuid for gpu in spec.host.gpus} == {
        c.device for c in channels if c.component == "gpu.board"
    }
    for repeat in spec.repeats:
        shown = []
        for t_s in (repeat.start_s, repeat.end_s):
            clock.t_s = t_s
            shown.append(replay.read())
        for i, channel in enumerate(channels):
            if channel.kind == "counter":
                counts = shown[1][i] - shown[0][i]
                energy_j = (counts % channel.wrap if channel.wrap else counts) * channel.resolution
                edge_j = 400 * (channel.update_period_s or 0)
                assert energy_j == pytest.approx(
                    spec.series[i].true_energy_j(repeat.start_s, repeat.end_s), rel=1e-3, abs=edge_j
                )
    assert spec.work.fingerprint == load_synthetic(EXAMPLES / "cpu-node.toml").work.fingerprint


def test_examples_differ_by_a_factor_of_five() -> None:
    """In the counted parts; and the examples share no key of a sensor."""
    mean_j, keys = {}, {}
    for name in ("cpu-node", "gpu-node"):
        spec = load_synthetic(EXAMPLES / f"{name}.toml")
        counters = [series for series in spec.series if series.definition.kind == "counter"]
        mean_j[name] = math.fsum(
            counter.true_energy_j(w.start_s, w.end_s) for counter in counters for w in spec.repeats
        ) / len(spec.repeats)
        keys[name] = {series.definition.key for series in spec.series}
    assert mean_j["cpu-node"] / mean_j["gpu-node"] == pytest.approx(5, rel=0.05)
    assert not keys["cpu-node"] & keys["gpu-node"]


GOOD = (EXAMPLES / "cpu-node.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('label = "solver on two CPUs"', 'label = "solver', "", "is not TOML"),
        ("energybench-replay/1", "energybench-replay/9", "schema", "invalid enum value"),
        (
            'label = "solver on two CPUs"',
            'label = "x"\ncolour = "red"',
            "",
            "unknown key 'colour'",
        ),
        ("period_s = 0.001", "perod_s = 0.001", "channels[0]", "unknown key 'perod_s'"),
        ("period_s = 0.001", "period_s = 1e-9", "channels[0]", "shorter than 1e-06 s"),
        ("period_s = 0.001", 'period_s = "fast"', "channels[0].period_s", "expected 'float'"),
        ("period_s = 0.001", "period_s = -1.0", "channels[0].period_s", "expected 'float' >= 0"),
        (
            'wave.kind = "steps"',
            'wave.kind = "saw"',
            "channels[0].wave.kind",
            "invalid value 'saw'",
        ),
        ("wrap = 262143328911", "wrap = 5", "channels[0]", "not within [0, wrap)"),
        ("idle = [0.0, 30.0]", "idle = [30.0, 0.0]", "idle", "not a span"),
        (
            "[[regions]]",
            '[[regions]]\nlabel = "x"\nstart_s = 9.0\nend_s = 9.0\n[[regions]]',
            "regions[0]",
            "not a span",
        ),
        ("amount = 1.0", "amount = 0", "work.amount", "expected 'float' > 0"),
        ("sockets = 2", "sockets = 2\nshoes = 2", "host", "unknown key 'shoes'"),
        (
            'device = "package-1"\ncomponent = "cpu.package"',
            'device = "package-0"\ncomponent = "cpu.package"',
            "channels[2]",
            "comes twice",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, where: str, what: str
) -> None:
    """The message names the file, the key and the problem."""
    assert old in GOOD
    path = tmp_path / "replay.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BadInput) as caught:
        load_synthetic(path)
    assert caught.value.where == (f"{path}: {where}" if where else str(path))
    assert what in caught.value.what
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ('kind = "steps"', 'kind = "saw"', "one of const, square, sine, steps"),
        ('kind = "steps"', 'kind = "const"', "known: kind, watts"),
        ('kind = "steps"', 'kind = "square"', "known: kind, low_w, high_w, period_s, duty"),
        ("amount =", "number =", "known: amount, unit, fingerprint, precision"),
        ("period_s =", "perod_s =", "did you mean period_s?"),
        ('kind = "counter"', 'kind = "meter"', "one of counter, power"),
        ("sockets = 2", "sockets = 2\nxyz = 2", "known: name, ids, cpu, sockets"),
    ],
)
def test_a_wrong_key_or_word_is_answered_with_the_known_ones(
    tmp_path: Path, old: str, new: str, remedy: str
) -> None:
    """The keys are those of the table with the mistake, however deep the table stands."""
    path = tmp_path / "replay.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BadInput) as caught:
        load_synthetic(path)
    assert remedy in caught.value.remedy


def test_repeats_must_be_there_and_in_order(tmp_path: Path) -> None:
    """No repeat, overlapping repeats, no sensor, no file."""
    path = tmp_path / "replay.toml"
    head, rest = GOOD.split("repeats = [", 1)
    rest = rest.split("\n]\n", 1)[1]
    for repeats, what in (("[]", "has none"), ("[[40.0, 50.0], [45.0, 60.0]]", "starts before")):
        path.write_text(f"{head}repeats = {repeats}\n{rest}")
        with pytest.raises(BadInput, match=what):
            load_synthetic(path)
    with pytest.raises(BadInput, match="no such file"):
        load_synthetic(tmp_path / "none.toml")
