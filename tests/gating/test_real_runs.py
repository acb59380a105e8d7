"""A gate between two real runs on a node whose power is known: a package counter, no counter of the
512 GiB of memory, and a container of another name for each run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.analysis.comparison.compare import compare
from energybench.gating.compare import compare_saved
from energybench.gating.records import record, totals_j
from energybench.model import Measurement
from tests.api.callers import WATTS, Node, node

PROGRAM = """
for turn in energybench.repeats("test", 5, **OPTIONS):
    spend({seconds})
    turn.work(10, "iteration", "test")
"""


def job(where: Node, name: str, seconds: float) -> Measurement:
    """The run of a job in a container of its own."""
    files = {
        "proc/sys/kernel/hostname": name,
        "proc/sys/kernel/random/boot_id": "0d5f6a1c-9a43-4a37-8b6f-0f1f4f6d2a11",
        "proc/meminfo": f"MemTotal: {512 * 2**20} kB",
        "etc/machine-id": "3d1219c7c4c5404aaa1f6d2a48adfda4",
        ".dockerenv": "",
    }
    for path, content in files.items():
        (where.root / path).parent.mkdir(parents=True, exist_ok=True)
        (where.root / path).write_text(f"{content}\n")
    caller = where.run(PROGRAM.format(seconds=seconds))
    assert caller.code == 0, caller.error
    return caller.runs[-1]


def test_two_jobs_of_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times the time is a regression, for certain; the model of the memory would hide less,
    and takes no part.
    """
    monkeypatch.delenv("ENERGYBENCH_HOST_ID", raising=False)
    with node(tmp_path) as where:
        first, second = job(where, "4d1f", 0.3), job(where, "77aa", 1.5)
    baseline, candidate = record(first), record(second)
    assert baseline.host.ids == candidate.host.ids
    assert baseline.parts == {"cpu.package": "measured", "cpu.dram": "modelled"}
    assert baseline.sensors == candidate.sensors
    for some, measurement in ((baseline, first), (candidate, second)):
        times_s = [repeat.time_s / 10 for repeat in measurement.repeats]
        truth_j = [WATTS * seconds for seconds in times_s]
        assert totals_j(some, ("cpu.package",)) == pytest.approx(truth_j, rel=0.05)

    verdict = compare_saved([baseline], candidate, 0.05, fail_on_saved_run=True)
    assert (verdict.outcome, verdict.fails) == ("regressed", True)
    assert (verdict.measured, verdict.left_out) == (("cpu.package",), ("cpu.dram (modelled)",))
    whole = compare(first, second).energy_ratio
    assert verdict.change is not None
    assert whole is not None
    gate_rel = verdict.change.half_width / (1 + verdict.change.value)
    assert gate_rel < whole.half_width / whole.value
