"""Idle before and after the work, and the rest between, on a virtual clock with known power."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.measuring.resting import REST_S
from energybench.measuring.session import ranges
from energybench.store.reader import recover
from tests.measuring.virtual import VirtualSession, board


def test_the_drift_between_both_phases_is_known(tmp_path: Path) -> None:
    """100 W before, 120 W after 300 W of work: both phases, their mean, the doubt, and a net energy
    of 300 W less 110 W.
    """
    with VirtualSession(
        tmp_path, [board([(0.0, 100.0), (6.0, 300.0), (16.5, 120.0)])], idle_s=5.0
    ) as session:
        session.idle()
        session.work(1.0)
        for number in range(2):
            session.repeat(number, 4.0)
        session.work(3.0)
        session.idle_after()
        result = session.finish()[1]
    assert [idle.power_w.value for idle in result.idles] == pytest.approx([100, 120], rel=5e-3)
    assert result.net_energy_j is not None
    assert result.net_energy_j.value == pytest.approx(190 * 4, rel=0.02)
    assert result.net_energy_j.low <= 180.1 * 4
    assert result.net_energy_j.high >= 199.9 * 4
    assert "idle-drift" in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize(
    ("rest_after_s", "steps"),
    [(1.5, []), (4.5, [(20 + 0.1 * i, 300 - 200 * i / 30) for i in range(31)]), (REST_S, None)],
)
def test_the_idle_after_waits_for_rest_ten_seconds_at_most(
    tmp_path: Path, rest_after_s: float, steps: list[tuple[float, float]] | None
) -> None:
    """At once where the power lies still, after a fall that ends, and not for ever where it never
    does.
    """
    tail = [(20.0 + 0.5 * i, 900.0 * 0.97**i) for i in range(100)] if steps is None else steps
    with VirtualSession(tmp_path, [board([(0.0, 100.0), *tail])], idle_s=2.0) as session:
        session.work(20.0)
        session.rest(0.0, REST_S)
        spent = session.clock.now() - 20.0
        session.writer.discard()
    assert spent == pytest.approx(rest_after_s, abs=0.6)


def test_a_board_that_lingers_is_waited_for(tmp_path: Path) -> None:
    """Steady at twice the idle level for 5 s before its clocks drop: that is not its idle power
    yet.
    """
    with VirtualSession(
        tmp_path, [board([(0.0, 100.0), (4.0, 300.0), (10.0, 200.0), (15.0, 100.0)])], idle_s=2.0
    ) as session:
        session.idle()
        session.work(2.5)
        session.repeat(0, 5.0)
        session.idle_after()
        result = session.finish()[1]
    assert [idle.power_w.value for idle in result.idles] == pytest.approx([100, 100], rel=0.01)


def test_an_idle_phase_that_is_cut_short_is_not_one(tmp_path: Path) -> None:
    """Half a phase or less says nothing, and the idle after is not begun once a signal has come."""
    with VirtualSession(tmp_path, [board([(0.0, 100.0)])], idle_s=10.0) as session:
        session.idle()
        session.repeat(0, 2.0)
        session.idle_after(lambda: session.clock.now() > 18.0)
        result = session.finish()[1]
    assert [idle.state.split(",")[0] for idle in result.idles] == ["before the work"]


def test_between_two_runs_the_rest_ends_near_the_idle_level(tmp_path: Path) -> None:
    """At least the settle time; on to near idle; at most three times as long."""
    for steps, wanted_s in (
        ([(0.0, 100.0)], 1.0),
        ([(0.0, 100.0), (10.0, 300.0), (11.2, 100.0)], 2.0),
    ):
        with VirtualSession(tmp_path, [board(steps)]) as session:
            session.work(10.0)
            session.rest(1.0, 3.0, near_w=100.0)
            assert session.clock.now() - 10.0 == pytest.approx(wanted_s, abs=0.3)
            session.writer.discard()


def test_a_recovered_run_has_its_idle_before(tmp_path: Path) -> None:
    """Killed in the idle after the work: what was complete stands, the phase that was not is left
    out.
    """
    with VirtualSession(tmp_path, [board([(0.0, 100.0), (4.0, 300.0)])], idle_s=2.0) as session:
        session.idle()
        session.work(2.0)
        session.repeat(0, 3.0)
        session.writer.opening("idle", session.clock.now())
        session.work(1.0)
        directory = session.writer.directory
    result = recover(str(directory), ranges())[1]
    assert [idle.state.split(",")[0] for idle in result.idles] == ["before the work"]
    assert result.net_energy_j is not None
