"""Two counters of one socket that are one register, told from two that are close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from energybench.analysis.sensors.mirrored_counters import Mirrors, mirrors
from energybench.model import Channel, Gain, Trace

NONE = Mirrors(frozenset(), frozenset())
START_UJ = 5_000_000
TICK_S = 0.001


def trace(device: str, raw: npt.ArrayLike, component: str = "cpu.package", **more: object) -> Trace:
    counts = np.asarray(raw, dtype=np.int64)
    t_s = np.asarray(more.pop("t_s", np.arange(counts.size) * 0.1), dtype=np.float64)
    ok = np.asarray(more.pop("ok", np.ones(counts.shape, dtype=np.bool_)))
    channel = Channel(
        collector="rapl",
        socket=device.partition("-die")[0],
        device=device,
        component=component,
        kind="counter",
        resolution=1e-6,
        gain=Gain(u_rel=0.03, key=device),
        **more,  # type: ignore[arg-type]
    )
    return Trace(channel=channel, t_s=t_s, raw=counts, ok=ok)


def polls(duration_s: float, seed: int = 1) -> npt.NDArray[np.float64]:
    """Times of polls at 10 Hz with a burst at either end, as the sampler makes them."""
    burst = np.arange(0, 0.1, 0.02)
    times = np.concatenate([burst, np.arange(0.1, duration_s, 0.1), duration_s + burst])
    return times + np.random.default_rng(seed).uniform(0, 0.002, times.size)


def register(t_s: npt.NDArray[np.float64], watts: float, start_uj: int = START_UJ) -> npt.ArrayLike:
    """Reads of a register that is updated every millisecond."""
    return start_uj + (np.floor(t_s / TICK_S) * TICK_S * watts * 1e6).astype(np.int64)


def dies(
    number: int, duration_s: float, apart_s: float, watts: float = 68.0, package: int = 0
) -> list[Trace]:
    """One register, read once for each die, each read `apart_s` after the read before."""
    t_s = polls(duration_s)
    return [
        trace(f"package-{package}-die-{i}", register(t_s + i * apart_s, watts), t_s=t_s)
        for i in range(number)
    ]


def ids(traces: Sequence[Trace]) -> frozenset[str]:
    return frozenset(item.channel.id for item in traces)


@pytest.mark.parametrize("number", [2, 4, 8])
@pytest.mark.parametrize("apart_s", [0.0, 50e-6, 200e-6, 1e-3 / 7])
@pytest.mark.parametrize("duration_s", [0.3, 1.0, 3.0, 60.0])
def test_dies_that_show_one_register(number: int, apart_s: float, duration_s: float) -> None:
    """All dies but the first are left out, in a short run and with reads that lie apart."""
    found = dies(number, duration_s, apart_s)
    assert mirrors(found) == Mirrors(ids(found[1:]), frozenset())


def test_two_dies_a_millisecond_apart() -> None:
    """The longest distance of two reads."""
    found = dies(2, 1.0, 1e-3)
    assert mirrors(found).repeated == ids(found[1:])


@pytest.mark.parametrize("watts", [5.0, 68.0, 400.0])
def test_the_power_does_not_matter(watts: float) -> None:
    """The distance is a time and not a number of joules."""
    found = dies(2, 1.0, 200e-6, watts)
    assert mirrors(found).repeated == ids(found[1:])


def test_two_packages_of_two_dies() -> None:
    """One die of each package stays; packages are never compared, equal or not."""
    found = [*dies(2, 3.0, 200e-6), *dies(2, 3.0, 200e-6, package=1)]
    assert mirrors(found).repeated == ids([found[1], found[3]])


def test_memory_of_dies() -> None:
    """The memory counters of dies are compared among themselves."""
    t_s = polls(1.0)
    packages = dies(2, 1.0, 0.0)
    memory = [
        trace(f"package-0-die-{i}", register(t_s, 9.0), "cpu.dram", t_s=t_s) for i in range(2)
    ]
    assert mirrors([*packages, *memory]).repeated == ids([packages[1], memory[1]])


def test_a_wrap_between_two_reads() -> None:
    """A register that wraps between two reads is one register still."""
    first, second = dies(2, 3.0, 200e-6)
    wrap = int(first.raw[first.raw.size // 2])
    pair = [trace(item.channel.device, item.raw % wrap, t_s=item.t_s) for item in (first, second)]
    assert mirrors(pair).repeated == ids(pair[1:])


@pytest.mark.parametrize("offset_j", [3, 50, 4000])
def test_dies_under_one_load_keep_their_distance(offset_j: int) -> None:
    """Equal power is not an equal register."""
    t_s = polls(1.0)
    pair = [
        trace("package-0-die-0", register(t_s, 68.0), t_s=t_s),
        trace("package-0-die-1", register(t_s, 68.0, START_UJ + offset_j * 10**6), t_s=t_s),
    ]
    assert mirrors(pair) == NONE


@pytest.mark.parametrize(("watts", "duration_s"), [(80.0, 1.0), (72.0, 3.0), (68.5, 60.0)])
def test_dies_that_move_apart_are_two(watts: float, duration_s: float) -> None:
    """Counters that started together, as events of perf do, are told apart by their rates."""
    t_s = polls(duration_s)
    pair = [
        trace("package-0-die-0", register(t_s, 68.0, 0), t_s=t_s),
        trace("package-0-die-1", register(t_s, watts, 0), t_s=t_s),
    ]
    assert mirrors(pair) == NONE


def test_a_known_register_of_its_own() -> None:
    """Equal values of dies that have registers of their own are a coincidence."""
    t_s = polls(3.0)
    pair = [
        trace(f"package-0-die-{i}", register(t_s, 68.0), t_s=t_s, own_register=True)
        for i in range(2)
    ]
    assert mirrors(pair) == NONE


def test_equal_sockets_are_two() -> None:
    """The counter of another socket is another register, whatever it shows."""
    t_s = polls(3.0)
    pair = [trace(f"package-{i}", register(t_s, 68.0), t_s=t_s) for i in range(2)]
    assert mirrors(pair) == NONE


@pytest.mark.parametrize("distance_s", [0.006, 0.02])
def test_close_counters_are_unclear(distance_s: float) -> None:
    """Too far for two reads of one register, and too near for two registers."""
    found = dies(2, 1.0, distance_s)
    assert mirrors(found) == Mirrors(frozenset(), ids(found[1:]))


def test_standing_counters_prove_nothing() -> None:
    """Equal values that never change may be two idle counters that both start at 0."""
    still = np.zeros(500, dtype=np.int64)
    assert mirrors([trace("package-0-die-0", still), trace("package-0-die-1", still)]) == NONE


def test_failed_reads_are_passed_over() -> None:
    """If one side failed there is nothing to compare."""
    first, second = dies(2, 3.0, 0.0)
    ok = np.ones(first.raw.size, dtype=np.bool_)
    ok[::7] = False
    gaps = trace(second.channel.device, np.where(ok, second.raw, 0), t_s=second.t_s, ok=ok)
    assert mirrors([first, gaps]).repeated == ids([gaps])


def test_other_components_never_mirror() -> None:
    """A package and its memory are not compared."""
    first, _ = dies(2, 1.0, 0.0)
    memory = trace("package-0-die-0", first.raw, "cpu.dram", t_s=first.t_s)
    assert mirrors([first, memory]) == NONE
    assert mirrors([]) == NONE
