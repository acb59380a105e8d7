"""Repeats that a signal from outside reached: their length decides whether they are whole."""

from __future__ import annotations

import pytest

from energybench.analysis.measurement.cut_repeat_doubts import of_cut_repeats
from energybench.analysis.measurement.record import counted_repeats, parts_left_out
from energybench.analysis.measurement.signalled_repeats import judged, whole_repeats
from energybench.model import IDLE, REPEAT, Window

SIGNALS = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU", "SIGHUP", "signal 40")


def _windows(*repeats: tuple[float, str | None, float | None]) -> tuple[Window, ...]:
    """Repeats of (length, signal, time of the signal after the start), behind an idle phase."""
    windows, start_s = [Window(label=IDLE, start_s=0.0, end_s=5.0)], 10.0
    for number, (seconds, name, after_s) in enumerate(repeats):
        windows.append(
            Window(
                label=REPEAT,
                start_s=start_s,
                end_s=start_s + seconds,
                repeat=number,
                signal=name,
                signal_after_s=after_s,
            )
        )
        start_s += seconds + 1
    return tuple(windows)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("after_s", [0.01, 1.0, 1.15])
def test_a_repeat_that_a_signal_ended_early_is_a_part(name: str, after_s: float) -> None:
    """It is in no mean beside whole repeats, and a doubt names the signal."""
    windows = _windows((3.0, None, None), (1.16, name, after_s), (3.01, None, None))
    counted, left = counted_repeats(windows), parts_left_out(windows)
    assert [window.repeat for window in counted] == [0, 2]
    assert [(window.repeat, window.cut) for window in left] == [(1, "signal-handled")]
    (doubt,) = of_cut_repeats(counted, left)
    assert doubt.code == "cut-off"
    assert name in doubt.message
    assert judged(judged(windows)) == judged(windows)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("seconds", [2.9, 3.0, 3.4, 30.0])
@pytest.mark.parametrize("after_s", [0.0, 2.89])
def test_a_repeat_as_long_as_the_others_is_whole(name: str, seconds: float, after_s: float) -> None:
    windows = _windows((3.0, None, None), (seconds, name, after_s), (3.01, None, None))
    counted = counted_repeats(windows)
    assert len(counted) == 3
    assert not parts_left_out(windows)
    (doubt,) = of_cut_repeats(counted, [])
    assert doubt.code == "signal-passed-on"
    assert name in doubt.message


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("seconds", "after_s"), [(3.0, 1.0), (60.0, 56.0), (600.0, 545.0)])
def test_without_other_repeats_an_end_soon_after_the_signal_is_a_part(
    count: int, seconds: float, after_s: float
) -> None:
    windows = _windows(*[(seconds, "SIGUSR1", after_s)] * count)
    counted = counted_repeats(windows)
    assert not whole_repeats(windows)
    assert [window.cut for window in counted] == ["signal-handled"]
    codes = [doubt.code for doubt in of_cut_repeats(counted, parts_left_out(windows))]
    assert codes[0] == "signal-handled"


def test_without_other_repeats_a_program_that_went_on_for_long_is_whole() -> None:
    windows = _windows((60.0, "SIGUSR1", 5.0))
    assert len(whole_repeats(windows)) == 1
    assert [doubt.code for doubt in of_cut_repeats(counted_repeats(windows), [])] == [
        "signal-passed-on"
    ]


def test_repeats_without_a_signal_stay_as_they_are() -> None:
    windows = _windows((3.0, None, None), (1.0, None, None))
    assert judged(windows) == windows
    assert not of_cut_repeats(counted_repeats(windows), [])
