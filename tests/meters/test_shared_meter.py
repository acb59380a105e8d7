"""The error of a reference meter is common to all gains that were found with the meter; the rest of
a gain's uncertainty belongs to one calibration of one device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.measurement.profiles import apply
from energybench.meters.attached_run import Meter
from energybench.meters.gain_effects import error_of
from energybench.meters.readings import Choice
from energybench.meters.site_gain import of_board
from energybench.model import (
    ChannelProfile,
    Gpu,
    Host,
    Measurement,
    SiteGain,
    Trace,
)
from tests.analysis.truth import Energy
from tests.meters.known_loads import RANGES, WINDOWS, board, load, meter

LIMIT = 0.02  # limit of error of every meter, as stated
OFF = 0.018  # the meters' true errors lie just inside of that limit
EDGES = 0.002  # half-width of a ratio from the edges of the windows alone
FIRST, SECOND = "2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00"
NOW = "2026-11-03T00:00:00+00:00"
LOAD = load(50.0, 400.0)


def calibration(
    shown: Trace, off: float, made_utc: str, key: str = "gain:meter:m"
) -> ChannelProfile:
    """The profile of a board against a meter that shows 1 + off of the truth."""

    def energy(t: np.ndarray) -> np.ndarray:
        return np.asarray((1 + off) * LOAD(t))

    device = shown.channel.device
    reference = meter(energy, "gpu.board", device, LIMIT)
    reference = _with_key(reference, key)
    finding = of_board([shown, reference], WINDOWS, reference.channel, "run").channels[0]
    gain = SiteGain(
        value=finding.gain.value,
        u_rel=finding.u_rel,
        reference="a meter",
        meter=error_of(reference.channel),
        made_utc=made_utc,
    )
    return ChannelProfile(
        channel=shown.channel.id, device=device, host="n", gain=gain, made_utc=made_utc
    )


def _with_key(reference: Trace, key: str) -> Trace:
    channel = reference.channel
    gain = replace(channel.gain, key=key)
    return Trace(
        channel=replace(channel, gain=gain), t_s=reference.t_s, raw=reference.raw, ok=reference.ok
    )


def boards(count: int, energy: Energy = LOAD) -> list[Trace]:
    """Exact sensors, of which each is believed to 4 %."""
    return [board(i, energy, 1.0) for i in range(count)]


def measured(
    traces: Sequence[Trace], profiles: Sequence[ChannelProfile] = (), name: str = "r"
) -> Measurement:
    gpus = tuple(
        Gpu(uuid=trace.channel.device, name="A100", power_limit_max_w=400.0) for trace in traces
    )
    host = Host(name="n", sockets=0, memory_bytes=0, gpus=gpus)
    channels, doubts = apply(profiles, [trace.channel for trace in traces], host, NOW)
    assert not doubts
    under = [
        Trace(channel=channel, t_s=trace.t_s, raw=trace.raw, ok=trace.ok)
        for channel, trace in zip(channels, traces, strict=True)
    ]
    record = Record(
        id=name,
        label=name,
        workload=None,
        command=("p",),
        boundary="device",
        host=host,
        windows=tuple(WINDOWS),
        works=(),
        verification=(),
    )
    return measure(record, under, RANGES)


def joules(count: int, keys: Sequence[str]) -> tuple[float, float]:
    """Error and half-width of the energy of boards, each calibrated against a meter with its key,
    in parts of the true energy.
    """
    traces = boards(count)
    profiles = [
        calibration(trace, OFF, FIRST, key) for trace, key in zip(traces, keys, strict=True)
    ]
    energy_j = measured(traces, profiles).components_j["gpu.board"]
    true_j = count * 400.0 * 20.0
    return energy_j.value / true_j - 1, energy_j.half_width / true_j


@pytest.mark.parametrize("count", [1, 4, 8])
def test_boards_that_were_calibrated_with_one_meter_are_wrong_together(count: int) -> None:
    """All are wrong by the error of the meter, and the interval of their sum says so; meters of
    their own would cancel in part.
    """
    error, half_width = joules(count, ["gain:meter:m"] * count)
    assert error == pytest.approx(OFF, abs=0.001)
    assert half_width > OFF
    _, of_several = joules(count, [f"gain:meter:{i}" for i in range(count)])
    assert count == 1 or of_several < 1.2 * half_width / math.sqrt(count) + 0.003


def test_the_error_of_the_meter_is_named_as_the_meters() -> None:
    """One effect for all boards, of which the remedy is a better meter."""
    traces = boards(3)
    profiles = [calibration(trace, 0.0, FIRST) for trace in traces]
    effects = measured(traces, profiles).components_j["gpu.board"].effects
    (shared,) = [effect for effect in effects if effect.kind == "limit-of-error"]
    assert (shared.key, shared.distribution, shared.sensor) == (
        "gain:meter:m",
        "rectangular",
        "meter",
    )
    assert shared.u == pytest.approx(3 * 8000.0 * LIMIT / math.sqrt(3), rel=0.01)
    own = [effect for effect in effects if effect.kind == "gain"]
    assert {effect.device for effect in own} == {trace.channel.device for trace in traces}


def ratio(
    first: tuple[float, str, str] | None, second: tuple[float, str, str] | None
) -> tuple[float, float]:
    """Error and half-width of the energy ratio of two runs of one board with the same samples,
    under calibrations against meters (error, date, key), or under the prior.
    """
    traces = boards(1)
    sides = [
        measured(traces, [calibration(traces[0], *stated)] if stated else (), name)
        for name, stated in (("a", first), ("b", second))
    ]
    energy_ratio = compare(*sides).energy_ratio
    assert energy_ratio is not None
    return energy_ratio.value - 1, energy_ratio.half_width


def test_a_calibration_between_two_runs_does_not_cancel() -> None:
    """Meters of which one shows 1.4 % too much and the other 1.4 % too little: the truth, 1, lies
    in the interval.
    """
    error, half_width = ratio((0.014, FIRST, "gain:meter:a"), (-0.014, SECOND, "gain:meter:b"))
    assert abs(error) == pytest.approx(0.028, rel=0.05)
    assert half_width > abs(error)
    # two independent rectangles of ±2 %: their sum lies within ±3.1 % in 95 % of the cases
    assert half_width == pytest.approx(0.031, rel=0.1)


def test_one_calibration_cancels_and_one_meter_cancels_up_to_the_rest() -> None:
    """Two runs under one calibration share its whole error; two calibrations against one meter
    share the error of the meter, and not the scatter of each.
    """
    first, second = (OFF, FIRST, "gain:meter:a"), (OFF, SECOND, "gain:meter:a")
    error, under_one = ratio(first, first)
    assert error == 0.0
    assert under_one < EDGES
    error, half_width = ratio(first, second)
    assert error == 0.0
    assert 1.05 * under_one < half_width < 0.5 * LIMIT


def test_a_prior_and_a_calibration_do_not_cancel() -> None:
    """The board's prior of 4 % is no error of the calibrated run."""
    calibrated = (OFF, FIRST, "gain:meter:a")
    _, half_width = ratio(None, calibrated)
    assert half_width == pytest.approx(1.96 * math.hypot(0.04, LIMIT / math.sqrt(3)), rel=0.05)
    assert ratio(None, None)[1] < EDGES


A, B = Host(name="a", ids=("machine:1",)), Host(name="b", ids=("machine:2",))


@pytest.mark.parametrize(
    ("choice", "host"),
    [
        (Choice(), B),
        (Choice(select=(("outlet", "7"),)), A),
        (Choice(select=(("outlet", "8"),)), A),
        (Choice(column="outlet7_w"), A),
        (Choice(column="7"), A),
        (Choice(select=(("pdu", "1"), ("outlet", "7"))), A),
    ],
)
def test_a_name_that_nobody_stated_is_one_meter_on_one_host_only(
    choice: Choice, host: Host
) -> None:
    """The file m.csv of another node, or another outlet of one file, is another meter; a stated
    name is one meter.
    """
    stated = Meter(Path("m.csv"), "node", 0.01, "m")
    unnamed = stated._replace(named=False)
    assert unnamed.key_on(A) == unnamed._replace(path=Path("later/m.csv")).key_on(A)
    assert unnamed._replace(choice=choice).key_on(host) != unnamed.key_on(A)
    assert stated._replace(choice=choice).key_on(host) == stated.key_on(A)
    assert stated.key_on(A) != unnamed.key_on(A)


def test_the_order_of_selections_does_not_make_another_meter() -> None:
    rows = (("outlet", "7"), ("pdu", "1"))
    first, second = (
        Meter(Path("m.csv"), "node", 0.01, "m", Choice(select=order), named=False).key_on(A)
        for order in (rows, rows[::-1])
    )
    assert first == second
