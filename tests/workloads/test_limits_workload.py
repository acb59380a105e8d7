"""limits: the kernels do what their work says, their checks catch a wrong result, and their sizes
follow from the caches.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Work
from energybench_workloads.limits import Limits
from energybench_workloads.limits.machine import MIB, last_level_bytes

TORCH = {"kernel": "torch", "mib": "16"}


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def ran(size: str, settings: dict[str, str]) -> tuple[Limits, Work]:
    workload = Limits()
    workload.setup(size, "cpu", region, settings)
    return workload, workload.run(region)


def test_read_counts_every_byte_and_passes() -> None:
    """Bytes are those of the array times the calls in a run; one addition a number."""
    workload, work = ran("read", TORCH)
    settings = workload.settings()
    assert (work.unit, work.arithmetic) == ("byte", "fp32")
    assert work.bytes == work.amount == 16 * MIB * int(str(settings["times"]))
    assert work.flops == work.amount / 4
    assert [check.passed for check in workload.verify()] == [True]


def test_a_compiled_read_sums_the_same() -> None:
    """What torch's compiler makes is judged by the same check; here only that it runs and is right."""
    workload, _ = ran("read", {"kernel": "compiled", "mib": "8"})
    assert "compiled" in str(workload.settings()["kernel"])
    assert [check.passed for check in workload.verify()] == [True]


@pytest.mark.parametrize("form", ["fp64", "fp32", "bf16"])
def test_products_count_2n3_and_pass(form: str) -> None:
    workload, work = ran(form, {"n": "96"})
    settings = workload.settings()
    assert work.flops == work.amount == 2 * 96**3 * int(str(settings["times"]))
    assert (work.unit, work.arithmetic, settings["n"]) == ("flop", form, 96)
    assert settings["tf32"] is (False if form == "fp32" else None)
    assert [check.passed for check in workload.verify()] == [True]


@pytest.mark.parametrize(
    ("size", "settings"), [("read", TORCH), ("fp64", {"n": "64"}), ("bf16", {"n": "64"})]
)
def test_a_wrong_result_fails(size: str, settings: dict[str, str]) -> None:
    """One row that was left out, or one product that is off."""
    workload, _ = ran(size, settings)
    assert workload._result is not None
    workload._result[-1] *= 1.5
    assert [check.passed for check in workload.verify()] == [False]


def test_work_is_the_same_whatever_size_was_the_fastest() -> None:
    """A byte is a byte on every node, so that joules per byte of two nodes compare; fp64 is not
    fp32.
    """
    small, large = ran("fp64", {"n": "64"})[1], ran("fp64", {"n": "128"})[1]
    assert small.fingerprint == large.fingerprint
    assert small.fingerprint != ran("fp32", {"n": "64"})[1].fingerprint


@pytest.mark.parametrize(
    ("size", "settings", "said"),
    [
        ("fp32", {"mib": "64"}, "size read"),
        ("read", {"n": "64"}, "not a setting of size read"),
        ("read", {"kernel": "fast"}, "auto, compiled, torch"),
        ("read", {"mib": "1000000"}, "GiB"),
    ],
)
def test_settings_of_another_size_are_refused(
    size: str, settings: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        Limits().setup(size, "cpu", region, settings)
    assert said in str(caught.value)


def cache(
    root: Path, cpu: int, index: int, level: str, size: str, shared: str, kind: str = "Unified"
) -> None:
    folder = root / f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    folder.mkdir(parents=True)
    for name, text in (
        ("level", level),
        ("size", size),
        ("shared_cpu_list", shared),
        ("type", kind),
    ):
        (folder / name).write_text(text + "\n")


def test_last_level_caches_are_added_up_once_each(tmp_path: Path) -> None:
    """Two chiplets with 32 MiB each, seen by two CPUs each, are 64 MiB; where sysfs is silent it is
    0.
    """
    for cpu in range(4):
        cache(tmp_path, cpu, 0, "1", "32K", str(cpu), "Data")
        cache(tmp_path, cpu, 3, "3", "32768K", "0-1" if cpu < 2 else "2-3")
    assert last_level_bytes(tmp_path) == 64 * MIB
    assert last_level_bytes(tmp_path / "nowhere") == 0
