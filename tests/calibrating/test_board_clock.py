"""Stamps of a board's clock as times of the host: by the quickest probes, with gaps, and with the
uncertainty that is left.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.calibrating.loads.board_clock import Launch, Probe, host_phases, location

ZERO_S = 5000.0  # host's time at the board's zero


def board_s(host_s: float, rate: float) -> float:
    return (host_s - ZERO_S) * rate


def probes(at_s: float, rate: float, rng: np.random.Generator) -> list[Probe]:
    """Tries of which most were interrupted, on either side of the event."""
    tries = []
    for k in range(30):
        before = at_s + 0.01 * k
        sides = rng.exponential((2e-3, 2e-3)) if k % 3 else rng.uniform(0, 5e-5, 2)
        event = before + sides[0]
        tries.append(Probe(board_s(event, rate), before, event + sides[1]))
    return tries


@pytest.mark.parametrize("rate", [1.0, 1 + 1e-4, 1 - 8e-5])
@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_runs_at_its_own_rate(rate: float, seed: int) -> None:
    """Every edge within three standard uncertainties, which are below 0.1 ms, over 20 s."""
    rng = np.random.default_rng(seed)
    clock = location(probes(ZERO_S + 1, rate, rng), probes(ZERO_S + 21, rate, rng))
    phases = [(ZERO_S + 2 * k, ZERO_S + 2 * k + 1.3) for k in range(1, 10)]
    launches = [Launch(board_s(on, rate), board_s(off, rate)) for on, off in phases]
    stated, u_s = host_phases(launches, clock)
    assert u_s < 1e-4
    assert np.array(stated) == pytest.approx(np.array(phases), abs=3 * u_s, rel=0)


def test_launches_one_after_the_other_are_a_phase_and_a_pause_is_a_gap() -> None:
    """Some microseconds between two launches of a full queue are none; 5 ms are."""
    clock = location([Probe(0.0, 10.0, 10.0)], [Probe(9.0, 19.0, 19.0)])
    full = [Launch(1 + 0.003 * k + 5e-6, 1 + 0.003 * (k + 1)) for k in range(10)]
    after = [Launch(begin + 0.035, end + 0.035) for begin, end, _ in full]
    stated, u_s = host_phases([*full, *after], clock)
    assert u_s == 0
    assert np.array(stated) == pytest.approx(
        np.array([(11.0, 11.03), (11.035, 11.065)]), abs=1e-5, rel=0
    )


def test_a_process_that_lost_its_core_between_event_and_launch() -> None:
    """The board began somewhere in between: the middle, and the rest is uncertainty."""
    clock = location([Probe(0.0, 10.0, 10.0)], [Probe(9.0, 19.0, 19.0)])
    ((on, off),), u_s = host_phases([Launch(1.0, 1.5, late_s=0.02)], clock)
    assert (on, off) == pytest.approx((11.01, 11.5))
    assert u_s == pytest.approx(0.02 / 24**0.5)
