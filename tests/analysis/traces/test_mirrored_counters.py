"""Two counters that are one, told from two that are close."""

import numpy as np
import pytest

from energybench.analysis.traces.mirrored_counters import mirrors
from energybench.model import Channel, Gain, Trace


def trace(device: str, raw, component: str = "cpu.package", ok=None, **more) -> Trace:
    raw = np.asarray(raw, dtype=np.int64)
    channel = Channel(
        collector="rapl",
        socket="package-0",
        device=device,
        component=component,
        kind="counter",
        resolution=1e-6,
        gain=Gain(u_rel=0.03, key=device),
        **more,
    )
    good = np.ones(raw.shape, dtype=np.bool_) if ok is None else np.asarray(ok)
    return Trace(channel=channel, t_s=np.arange(raw.size) * 0.1, raw=raw, ok=good)


RISING = 1000 + np.cumsum(np.random.default_rng(1).integers(5_000_000, 6_000_000, 120))


def test_dies_that_show_one_register() -> None:
    """The second of two equal counters is the mirror."""
    pair = [trace("package-0-die-0", RISING), trace("package-0-die-1", RISING)]
    assert mirrors(pair) == {"rapl/package-0-die-1/cpu.package/counter"}


def test_three_dies_mirror_the_first() -> None:
    """All but one of a set are left out."""
    found = mirrors([trace(f"package-0-die-{i}", RISING) for i in range(3)])
    assert found == {f"rapl/package-0-die-{i}/cpu.package/counter" for i in (1, 2)}


@pytest.mark.parametrize("offset", [1, 61, 10_000])
def test_close_sockets_are_two(offset: int) -> None:
    """Two sockets under one load keep their distance."""
    assert mirrors([trace("package-0", RISING), trace("package-1", RISING + offset)]) == set()


def test_standing_counters_prove_nothing() -> None:
    """Equal values that never change may be two idle counters that both start at 0."""
    still = np.zeros(500, dtype=np.int64)
    assert mirrors([trace("package-0", still), trace("package-1", still)]) == set()


def test_fifty_equal_samples_are_needed() -> None:
    """Fewer are too few to leave out a socket's energy."""
    assert mirrors([trace("package-0", RISING[:50]), trace("package-1", RISING[:50])]) == set()
    assert len(mirrors([trace("package-0", RISING[:51]), trace("package-1", RISING[:51])])) == 1


def test_failed_reads_are_passed_over() -> None:
    """Where one side failed there is nothing to compare."""
    ok = np.ones(RISING.size, dtype=np.bool_)
    ok[::7] = False
    assert (
        len(
            mirrors(
                [trace("package-0", RISING), trace("package-1", np.where(ok, RISING, 0), ok=ok)]
            )
        )
        == 1
    )


def test_other_components_never_mirror() -> None:
    """A package and its memory are not compared."""
    assert mirrors([trace("package-0", RISING), trace("package-0", RISING, "cpu.dram")]) == set()
    assert mirrors([]) == set()
