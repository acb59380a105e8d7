"""Throttling, drift and other load become doubts that name the device and both values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from energybench.analysis.measurement.steadiness import keep, of_conditions, of_others
from energybench.model import Condition, OtherLoad, Window

REPEATS = [Window(label="repeat", start_s=10.0 * i, end_s=10.0 * i + 9, repeat=i) for i in range(6)]


def readings(
    device: str = "GPU-a",
    *,
    celsius: Sequence[float] = (),
    mhz: Sequence[float] = (),
    throttle: Sequence[str] = (),
) -> list[Condition]:
    """Three readings in each repeat, and one of an idle device between every two of them; the given
    courses by repeat.
    """
    made = []
    for i in range(len(REPEATS)):
        state = Condition(
            t_s=0.0,
            device=device,
            temperature_c=celsius[i] if celsius else None,
            clock_mhz=mhz[i] if mhz else None,
            throttle=throttle[i] if throttle else None,
        )
        made += [
            Condition(
                t_s=10.0 * i + at,
                device=device,
                temperature_c=state.temperature_c,
                clock_mhz=state.clock_mhz,
                throttle=state.throttle,
            )
            for at in (1, 4, 7)
        ]
        made.append(
            Condition(
                t_s=10.0 * i + 9.5,
                device=device,
                temperature_c=20.0,
                clock_mhz=210.0,
                throttle="gpu-idle",
            )
        )
    return made


def load(
    name: str, repeat: int, busy: float = 0.9, pid: int = 123, device: str = "cpu"
) -> OtherLoad:
    return OtherLoad(
        name=name,
        pid=pid,
        device=device,
        busy=busy,
        start_s=REPEATS[repeat].start_s,
        end_s=REPEATS[repeat].end_s,
    )


def test_a_steady_machine_gives_no_doubt() -> None:
    """The same clock and temperature in every repeat, nothing throttled; what an idle device shows
    between them is no drift.
    """
    assert (
        of_conditions(readings(celsius=[60] * 6, mhz=[1410] * 6, throttle=["none"] * 6), REPEATS)
        == []
    )
    assert of_conditions([], REPEATS) == []
    assert of_conditions(readings(), REPEATS) == []


def test_clocks_that_fall_are_named_with_both_values() -> None:
    """First third against last third, with the device and what the energy did meanwhile."""
    (doubt,) = of_conditions(
        readings(mhz=[1410, 1410, 1380, 1350, 1300, 1300]), REPEATS, [100, 100, 98, 96, 95, 95]
    )
    assert doubt.code == "clock-drift"
    assert "GPU-a 1410 → 1300 MHz (-7.8%)" in doubt.message
    assert "changed by -5.0%" in doubt.message


def test_small_or_scattered_changes_of_the_clock_are_none() -> None:
    """2 % is the least; and a clock that scatters by more than it drifts has not drifted."""
    assert of_conditions(readings(mhz=[1410, 1410, 1400, 1400, 1390, 1390]), REPEATS) == []
    scattered = [
        Condition(t_s=10.0 * i + at, device="GPU-a", clock_mhz=mhz - 10 * i)
        for i in range(6)
        for at, mhz in ((1, 1200), (4, 1400), (7, 1000))
    ]
    assert of_conditions(scattered, REPEATS) == []


def test_readings_of_an_idle_gpu_are_not_its_clock_at_work() -> None:
    """A repeat that was read while its board waited does not make a drift."""
    made = [
        Condition(t_s=10.0 * i + 1, device="GPU-a", clock_mhz=1410.0, throttle="none")
        for i in range(6)
    ]
    made += [Condition(t_s=55.0, device="GPU-a", clock_mhz=345.0, throttle="gpu-idle")]
    assert of_conditions(made, REPEATS) == []


def test_temperature_from_the_first_repeat_to_the_last() -> None:
    """Above 5 °C it is named with both values; 5 °C are not."""
    (doubt,) = of_conditions(readings("package-0", celsius=[48, 52, 55, 58, 60, 61]), REPEATS)
    assert (doubt.code, "package-0 48 → 61 °C" in doubt.message) == ("temperature-drift", True)
    assert of_conditions(readings("package-0", celsius=[48, 49, 50, 51, 52, 53]), REPEATS) == []


def test_throttling_names_reasons_and_repeats_and_tells_a_power_cap_apart() -> None:
    """A capped board is normal and said so; thermal throttling is not.

    Idle, nothing and chosen clocks are no throttling.
    """
    course = [
        "none",
        "gpu-idle",
        "applications-clocks",
        "sw-power-cap",
        "sw-power-cap, hw-thermal",
        "hw-thermal",
    ]
    slowed, capped = of_conditions(readings(throttle=course), REPEATS)
    assert (slowed.code, "GPU-a by hw-thermal in 2 of 6 repeats" in slowed.message) == (
        "throttled",
        True,
    )
    assert (
        capped.code,
        "GPU-a in 2 of 6 repeats; normal for a capped board" in capped.message,
    ) == ("at-power-limit", True)


def test_throttling_between_the_repeats_does_not_count() -> None:
    """Only what was read inside a repeat touches its energy."""
    assert of_conditions([Condition(t_s=9.5, device="GPU-a", throttle="hw-thermal")], REPEATS) == []


def test_many_boards_make_one_sentence() -> None:
    """Eight boards that heat up are one doubt: the worst four, and how many more."""
    made = [
        each
        for i in range(8)
        for each in readings(f"GPU-{i}", celsius=[40, 45, 50, 55, 58, 60 + i])
    ]
    (doubt,) = of_conditions(made, REPEATS)
    assert "GPU-7 40 → 67 °C" in doubt.message
    assert "and 4 more" in doubt.message


def test_one_repeat_has_no_drift() -> None:
    """Nothing to compare with; throttling is still seen."""
    assert {
        doubt.code
        for doubt in of_conditions(
            readings(celsius=range(6), mhz=range(100, 700, 100), throttle=["hw-thermal"] * 6),
            REPEATS[:1],
        )
    } == {"throttled"}


def test_what_is_kept() -> None:
    """First and last of each device, and every change of its throttle reasons; in the order of
    time.
    """
    made = [
        Condition(t_s=float(t), device="GPU-a", throttle="none" if t < 5 else "sw-thermal")
        for t in range(10)
    ]
    made += [Condition(t_s=2.5, device="package-0", temperature_c=50.0)]
    assert [(each.device, each.t_s) for each in keep(made)] == [
        ("GPU-a", 0.0),
        ("package-0", 2.5),
        ("GPU-a", 5.0),
        ("GPU-a", 9.0),
    ]
    assert keep([]) == ()
    flickering = [Condition(t_s=float(t), device="GPU-a", throttle=f"{t}") for t in range(1000)]
    assert len(keep(flickering)) == 52


def test_other_load_is_named_with_its_cores_and_repeats() -> None:
    """By program, the busiest first; cores are the mean over the repeats in which it was there."""
    (doubt,) = of_others(
        [
            load("python3", 0, 0.8),
            load("python3", 2, 1.0),
            load("python3", 4, 0.9),
            load("unattributed", 1, 0.3, pid=0),
        ],
        REPEATS,
    )
    assert doubt.code == "other-load"
    assert doubt.message.startswith("python3 (pid 123) kept 0.9 cores busy during 3 of 6 repeats; ")
    assert "without a name here" in doubt.message
    assert "--exclusive" in doubt.remedy
    assert of_others([], REPEATS) == []


def test_processes_of_one_name_are_added_up() -> None:
    """Sixteen ranks of somebody's job are sixteen cores of one program."""
    (doubt,) = of_others([load("lmp", 0, 1.0, pid=1000 + rank) for rank in range(16)], REPEATS)
    assert (
        doubt.message == "lmp (16 processes, pid 1000 …) kept 16 cores busy during 1 of 6 repeats"
    )


@pytest.mark.parametrize("outside", [Window(label="repeat", start_s=100, end_s=109, repeat=0)])
def test_other_load_outside_every_repeat_is_none(outside: Window) -> None:
    """Only what ran beside a repeat weakens it."""
    assert of_others([load("python3", 0)], [outside]) == []


def test_another_process_on_a_board() -> None:
    """Its share is not known, so it is named without cores."""
    (doubt,) = of_others([load("python3", 0, device="GPU-a")], REPEATS)
    assert doubt.message == "python3 (pid 123) was at work on GPU-a during 1 of 6 repeats"
