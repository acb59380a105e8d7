"""A run beside its device's limits: shares, the bound, what binds, joules per flop, and what of it
is doubted.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement import roofline as limits
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.measurement.profiles import usable_limits
from energybench.analysis.uncertainty.effects import exact
from energybench.model import DeviceLimits, Gpu, Host, Limit, Measurement, Window, Work, WorkloadRef
from tests.analysis.runs import RANGES, _trace, run, work

NOW = "2026-06-01T00:00:00+00:00"
BOARD = "GPU-1"
HOST = Host(
    name="node",
    ids=("machine:m1",),
    cpu="CPU X",
    kernel="6.1",
    governor="performance",
    threads_allowed=8,
    sockets=1,
    memory_bytes=64 * 10**9,
)


def known(*, read: tuple[float, ...] = (100e9,) * 5, **changes: Any) -> DeviceLimits:
    """100 GB/s, 1 Tflop/s in fp64, 2 in fp32, 4 in bf16."""
    rates = {"fp64": 1e12, "fp32": 2e12, "bf16": 4e12}
    found = [Limit(name="read", runs=read, how="sum")] + [
        Limit(name=n, runs=(r,) * 5, how="product") for n, r in rates.items()
    ]  # type: ignore[arg-type]
    stated: dict[str, Any] = {
        "device": "cpu",
        "name": "CPU X",
        "host": "node",
        "host_ids": ("machine:m1",),
        "driver": "Linux 6.1",
        "clocks": "governor performance",
        "threads": 8,
        "limits": tuple(found),
        "made_utc": "2026-05-01T00:00:00+00:00",
    }
    return DeviceLimits(**{**stated, **changes})


def done(**changes: Any) -> limits.Counted:
    """Four repeats of 10 s, each 1e12 flops and 5e11 bytes: 100 Gflop/s, 50 GB/s, 2 flop/B."""
    one = work(**{"flops": 1e12, "bytes": 5e11, "arithmetic": "fp32", **changes})
    return limits.Counted((one,) * 4, (10.0, 10.1, 9.9, 10.0), 1e-3, exact(2e-9), exact(4e-9))


def test_what_a_memory_bound_run_reaches() -> None:
    """At 2 flop/B the bound is 200 Gflop/s, of which half is reached; of the matrix rate it is a
    twentieth.
    """
    found = limits.roofline(known(), done())
    assert found is not None
    assert found.binds == "bandwidth"
    for estimate, expected in (
        (found.flop_per_s, 100e9),
        (found.byte_per_s, 50e9),
        (found.bound_flop_per_s, 200e9),
        (found.share_of_bandwidth, 0.5),
        (found.share_of_rate, 0.05),
        (found.share, 0.5),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(expected, rel=1e-3)
        assert estimate.low <= estimate.value <= estimate.high
    assert found.intensity_flop_per_byte == 2.0
    assert found.share is not None
    assert found.share.high > found.share.low  # the scatter of the repeats
    assert (found.energy_per_flop_j, found.energy_per_byte_j) == (exact(2e-9), exact(4e-9))


def test_arithmetic_binds_beyond_the_ridge() -> None:
    """At 40 flop/B fp32 binds; in bf16, whose ridge lies at 40, it does so just not before."""
    found = limits.roofline(known(), done(bytes=2.5e10))
    assert found is not None
    assert (found.binds, found.rate_flop_per_s and found.rate_flop_per_s.value) == (
        "arithmetic",
        2e12,
    )
    assert found.share == found.share_of_rate
    assert limits.roofline(known(), done(bytes=2.6e10, arithmetic="bf16")).binds == "bandwidth"  # type: ignore[union-attr]


def test_a_format_that_is_not_stated() -> None:
    """Bandwidth binds where it does in every format; where that is open, nothing is claimed."""
    low, high = (
        limits.roofline(known(), done(arithmetic=None)),
        limits.roofline(known(), done(arithmetic=None, bytes=2.5e10)),
    )
    assert low is not None
    assert high is not None
    assert (low.binds, low.share) == ("bandwidth", low.share_of_bandwidth)
    assert (high.binds, high.share, high.bound_flop_per_s, high.share_of_rate) == (
        None,
        None,
        None,
        None,
    )
    assert high.share_of_bandwidth is not None


def test_one_count_tells_of_one_limit() -> None:
    moved, counted = (
        limits.roofline(known(), done(flops=None)),
        limits.roofline(known(), done(bytes=None)),
    )
    assert moved is not None
    assert counted is not None
    assert (moved.binds, moved.flop_per_s, moved.intensity_flop_per_byte) == (
        "bandwidth",
        None,
        None,
    )
    assert (counted.binds, counted.byte_per_s) == ("arithmetic", None)
    assert limits.roofline(known(), done(flops=None, bytes=None)) is None


def test_without_limits_the_rates_and_joules_stand() -> None:
    found = limits.roofline(None, done())
    assert found is not None
    assert (found.device, found.share, found.binds, found.bound_flop_per_s) == (
        None,
        None,
        None,
        None,
    )
    assert found.flop_per_s is not None
    assert found.energy_per_flop_j == exact(2e-9)


def test_a_limit_that_scattered_widens_the_share_upward_only() -> None:
    """The best try is the limit; what the machine gave half of the time may have been all there
    was. Nothing says less than the best was there.
    """
    found, unsteady = (
        limits.roofline(known(), done()),
        limits.roofline(known(read=(60e9, 100e9, 80e9, 80e9, 70e9)), done()),
    )
    assert found is not None
    assert found.share is not None
    assert unsteady is not None
    assert unsteady.share is not None
    assert unsteady.share.value == found.share.value
    assert unsteady.share.low == pytest.approx(found.share.low, rel=1e-3)
    assert unsteady.share.high == pytest.approx(found.share.high / 0.8, rel=0.02)
    (doubt,) = limits.doubts(unsteady, known(read=(60e9, 100e9, 80e9, 80e9, 70e9)))
    assert doubt.code == "limit-unsteady"
    assert "80%" in doubt.message


def test_faster_than_its_limit_is_doubted() -> None:
    """200 GB/s of 100: a cache, or a busy machine at the time of calibrating."""
    found = limits.roofline(known(), done(bytes=2e12))
    assert [doubt.code for doubt in limits.doubts(found, known())] == ["above-limit"]
    assert limits.doubts(limits.roofline(known(), done()), known()) == []
    assert [
        doubt.code
        for doubt in limits.doubts(
            limits.roofline(known(), done()), known(notes=("read had its cores for 50%; x",))
        )
    ] == ["limits-disturbed"]


def test_the_note_of_the_limit_that_binds_is_the_one_that_is_told() -> None:
    """A limit holds its own note; the words of a note decide nothing."""
    disturbed = known(notes=("fp64 was slow; x", "another program had the cores; x"))
    with_note = msgspec.structs.replace(
        disturbed,
        limits=tuple(
            msgspec.structs.replace(limit, note="another program had the cores")
            if limit.name == limits.READ
            else limit
            for limit in disturbed.limits
        ),
    )
    run = limits.roofline(with_note, done())
    assert run is not None
    assert run.binds == "bandwidth"
    (doubt,) = limits.doubts(run, with_note)
    assert doubt.message.endswith("too low: another program had the cores")
    (doubt,) = limits.doubts(run, disturbed)
    assert doubt.message.endswith("too low: fp64 was slow")


# ---------------------------------------------------------------- whose limits


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "CPU Y"}, "measured on CPU X, this is CPU Y"),
        ({"kernel": "6.2"}, "measured with driver Linux 6.1, this is Linux 6.2"),
        ({"governor": "powersave"}, "governor powersave"),
        ({"threads_allowed": 4}, "measured on 8 threads, this is 4"),
    ],
)
def test_another_machine_is_refused_with_the_reason(changes: dict[str, Any], said: str) -> None:
    found, doubts = usable_limits([known()], "cpu", msgspec.structs.replace(HOST, **changes), NOW)
    assert found is None
    assert [doubt.code for doubt in doubts] == ["limits-refused"]
    assert said in doubts[0].message


def test_of_this_machine_and_device_only() -> None:
    """The CPU's by host, a board's by UUID on whatever host; the newest of two; old ones with their
    age.
    """
    gpu = Gpu(uuid=BOARD, name="A100", driver="550")
    host = msgspec.structs.replace(HOST, gpus=(gpu, Gpu(uuid="GPU-2", name="A100", used=False)))
    board = known(
        device=BOARD, name="A100", host="elsewhere", driver="550", clocks=None, threads=None
    )
    assert usable_limits([known(), board], "cpu", host, NOW) == (known(), ())
    assert usable_limits([known(), board], "cuda:0", host, NOW) == (board, ())
    renamed = known(host="container-4d1f")
    assert usable_limits([renamed], "cpu", host, NOW) == (renamed, ())
    assert usable_limits([known(host_ids=("machine:m2",))], "cpu", host, NOW) == (None, ())
    _, (unidentified,) = usable_limits([known(host_ids=())], "cpu", host, NOW)
    assert "did not identify its machine" in unidentified.message
    assert usable_limits(
        [board],
        "cuda",
        msgspec.structs.replace(host, gpus=(gpu, msgspec.structs.replace(gpu, uuid="GPU-3"))),
        NOW,
    ) == (None, ())
    assert (
        usable_limits(
            [board],
            "cuda",
            msgspec.structs.replace(host, gpus=(msgspec.structs.replace(gpu, driver="560"),)),
            NOW,
        )[0]
        is None
    )
    second = msgspec.structs.replace(gpu, uuid="GPU-3")
    both, _ = usable_limits(
        [board, msgspec.structs.replace(board, device="GPU-3")],
        "node",
        msgspec.structs.replace(host, gpus=(gpu, second)),
        NOW,
    )
    assert both is not None
    assert (both.name, both.of("read").best) == ("2 x A100", 200e9)  # type: ignore[union-attr]
    old = known(made_utc="2025-05-01T00:00:00+00:00")
    assert usable_limits([old, known()], "cpu", host, NOW) == (known(), ())
    found, (doubt,) = usable_limits([old], "cpu", host, NOW)
    assert found == old
    assert (doubt.code, "396 days old" in doubt.message) == ("limits-old", True)


# ---------------------------------------------------------------- measurement and comparison


def measured(held: DeviceLimits | None, *works: Work) -> Measurement:
    """Repeats of 10 s at 220 W."""
    spans = [(5.0 + 12 * i, 15.0 + 12 * i, 1.0) for i in range(len(works))]
    record = Record(
        id="r",
        label="r",
        workload=WorkloadRef(name="w", size="S", device="cpu"),
        command=None,
        boundary="compute",
        host=HOST,
        windows=tuple(
            Window(label="repeat", start_s=start, end_s=end, repeat=i)
            for i, (start, end, _) in enumerate(spans)
        ),
        works=works,
        verification=(),
        limits=held,
    )
    traces = [
        _trace("rapl", "package-0", name, watts, spans, 0.03, "node")
        for name, watts in (("cpu.package", 200.0), ("cpu.dram", 20.0))
    ]
    return measure(record, traces, RANGES)


def test_joules_per_flop_and_byte_carry_the_sensors_effects() -> None:
    """2200 J for 1e12 flops and 5e11 bytes, with the gains by key; a repeat that did twice the work
    counts as such.
    """
    one = work(flops=1e12, bytes=5e11, arithmetic="fp32")
    found = measured(known(), one, one).roofline
    assert found is not None
    assert found.energy_per_flop_j is not None
    assert found.energy_per_byte_j is not None
    assert found.energy_per_flop_j.value == pytest.approx(2.2e-9, rel=1e-3)
    assert found.energy_per_byte_j.value == pytest.approx(4.4e-9, rel=1e-3)
    assert {effect.key for effect in found.energy_per_flop_j.effects} >= {
        "gain:package-0:cpu.package@node",
        "gain:package-0:cpu.dram@node",
    }
    double = msgspec.structs.replace(one, flops=2e12)
    more = measured(known(), one, double).roofline
    assert more is not None
    assert more.energy_per_flop_j is not None
    assert more.flop_per_s is not None
    assert more.energy_per_flop_j.value == pytest.approx((2.2e-9 + 1.1e-9) / 2, rel=1e-3)
    assert more.flop_per_s.value == pytest.approx(150e9, rel=1e-3)


def test_nothing_counted_is_none() -> None:
    assert measured(known(), work(), work()).roofline is None


def test_a_comparison_asks_for_both_sides_shares() -> None:
    """Known and high: nothing. Known and low: its figure. Not known: why."""
    one = work(flops=1e12, bytes=8e11, arithmetic="fp32")
    good = measured(known(), one, one)
    low = measured(known(read=(500e9,) * 5), one, one)
    unknown = measured(None, one, one)
    uncounted = run("x", done=work())

    def said(left: Measurement, right: Measurement) -> list[str]:
        return [
            f"{doubt.code} {doubt.message}"
            for doubt in compare(left, right, force=True).doubts
            if doubt.code in ("limit-low", "limit-unknown")
        ]

    assert said(good, good) == []
    (found,) = said(good, low)
    assert found.startswith("limit-low r: the work reaches 16% of its machine's memory bandwidth")
    (found,) = said(unknown, good)
    assert "no limits of this device were measured" in found
    assert "neither flops nor bytes" in said(good, uncounted)[0]
