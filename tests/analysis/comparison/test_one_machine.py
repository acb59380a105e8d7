"""One machine under two host names: errors of its sensors and models cancel in a comparison."""

from __future__ import annotations

import numpy as np

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Comparison, Host, Measurement, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Sensor, channel, constant, gain, polls, trace


def run(name: str, identity: str, host: str) -> Measurement:
    """Five windows of 1 s at 60 W, a gain of 3 %, and 64 GB of memory without a counter."""
    windows = tuple(
        Window(label="repeat", start_s=5.0 + 3 * i, end_s=6.0 + 3 * i, repeat=i) for i in range(5)
    )
    times_s = np.concatenate([polls(window.start_s, window.end_s) for window in windows])
    package = channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        resolution=1e-6,
        update_period_s=0.001,
        gain=gain(0.03, f"gain:rapl:package-0:package@{identity}"),
        socket="package-0",
    )
    counts = Sensor(constant(60.0), period_s=0.001).counts(times_s, 1e-6)
    machine = Host(name=host, ids=(identity,), sockets=1, memory_bytes=64 * 10**9)
    return measure(
        Record(name, name, None, ("p",), "compute", machine, windows, (None,) * 5, ()),
        [trace(package, times_s, counts)],
        RANGES,
    )


def half_rel(comparison: Comparison) -> float:
    ratio = comparison.energy_ratio
    assert ratio is not None
    return ratio.half_width / ratio.value


def test_two_containers_of_one_machine_compare_as_one_host_name() -> None:
    same = compare(run("a", "boot:1", "n1"), run("b", "boot:1", "n1"))
    containers = compare(run("a", "boot:1", "4d1f"), run("b", "boot:1", "77aa"))
    assert (
        abs(half_rel(containers) / half_rel(same) - 1) < 0.02
    )  # the draws follow the names of the effects
    assert "one-node" not in {doubt.code for doubt in containers.doubts}


def test_two_machines_of_one_name_do_not_cancel() -> None:
    """The gains of two sockets and the memory of two machines are independent."""
    same = compare(run("a", "boot:1", "n1"), run("b", "boot:1", "n1"))
    two = compare(run("a", "boot:1", "localhost"), run("b", "boot:2", "localhost"))
    assert half_rel(two) > 1.5 * half_rel(same)
    keys = {
        effect.key: effect.u
        for effect in (two.energy_ratio.effects if two.energy_ratio else ())
        if effect.key is not None
    }
    for owner in ("boot:1", "boot:2"):
        assert keys[f"gain:rapl:package-0:package@{owner}"]
        assert keys[f"memory:{owner}"]
