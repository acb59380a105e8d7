"""Energy of packages whose dies have a counter each: one register, two registers, or unclear."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Host, Measurement, Trace, Window
from tests.analysis.sensors.test_late_counters import counter
from tests.analysis.sensors.test_mirrored_counters import dies

RANGES = {"memory_w_per_gb": (0.0, 0.0, "x"), "package_w": (20.0, 500.0, "x")}


def measured(
    traces: Sequence[Trace], duration_s: float, sockets: int = 1, start_s: float = 0.1
) -> Measurement:
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("x",),
        boundary="compute",
        host=Host(name="n", sockets=sockets, memory_bytes=1),
        windows=(Window(label="repeat", start_s=start_s, end_s=start_s + duration_s),),
        works=(None,),
        verification=(),
    )
    return measure(record, traces, RANGES)


def codes(found: Measurement) -> set[str]:
    return {doubt.code for doubt in found.doubts}


@pytest.mark.parametrize("number", [2, 8])
def test_one_register_is_the_energy_of_one_die(number: int) -> None:
    """68 W for a second are 68 J, however many dies show them."""
    found = measured(dies(number, 1.2, 200e-6), 1.0)
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx(68, rel=0.01)
    assert len([part for part in found.boundary.parts if part.component == "cpu.package"]) == 1
    assert "register-unclear" not in codes(found)


def test_an_unclear_register_reaches_down_to_one_die() -> None:
    """The interval holds one die and two, and the doubt names the die."""
    found = measured(dies(2, 1.2, 0.01), 1.0)
    assert found.energy_j is not None
    assert found.energy_j.low < 68 < 136 < found.energy_j.high
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == "register-unclear"]
    assert "package-0-die-1" in doubt.message


def test_a_late_register_reaches_down_to_one_die() -> None:
    """One register of 120 W, shown by three dies: at once, late, and once in 250 ms."""
    found = measured([counter(0), counter(1, lag_s=0.06), counter(2, 0.25)], 1.0, start_s=4.5)
    assert found.energy_j is not None
    assert found.energy_j.low < 120 < found.energy_j.high
    unclear = [doubt.message for doubt in found.doubts if doubt.code == "register-unclear"]
    assert len(unclear) == 2


def test_two_packages_of_one_register_each() -> None:
    """Each package counts once."""
    traces = [*dies(2, 1.2, 200e-6), *dies(2, 1.2, 200e-6, package=1)]
    found = measured(traces, 1.0, sockets=2)
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx(136, rel=0.01)
