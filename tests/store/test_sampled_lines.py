"""Windows that are stated after the last sample on disk, as a disk leaves them that takes short
lines and no more batches of samples: a repeat that was not sampled to its end is no whole repeat.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.analysis.measurement.node_table import NodePart
from energybench.analysis.measurement.workload_nodes import statement
from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import Channel, Host, Measurement, Window, Work, WorkloadRef
from energybench.plugins import Reading
from energybench.store import reader
from energybench.store.layout import PARQUET
from energybench.store.writer import RunWriter
from tests.analysis.truth import channel
from tests.store.filled_runs import header

WATTS = 100.0
STARTS_S = (2.0, 7.0, 12.0, 17.0)
LENGTH_S = 4.0

COUNTER = channel(
    collector="rapl",
    device="package-0",
    component="cpu.package",
    resolution=1e-6,
    update_period_s=0.001,
)
POWER = channel(
    kind="power",
    collector="rapl",
    device="package-0",
    component="cpu.package",
    resolution=1e-3,
    update_period_s=0.001,
    window_s=0.0,
)


def killed(
    store: Path,
    stored_s: float,
    *,
    period_s: float = 0.1,
    sensor: Channel = COUNTER,
    numbered: bool = False,
    planned: int | None = 4,
    workload: WorkloadRef | None = None,
) -> Path:
    """A run of four repeats of 400 J each, whose samples on disk end at `stored_s`.

    numbered  whether the works state their repeats
    """
    host = Host(name="n", sockets=1, memory_bytes=10**9)
    with RunWriter(
        store, header(channels=(sensor,), host=host, repeats=planned, workload=workload)
    ) as writer:
        for i in range(int(stored_s / period_s) + 1):
            t_s = i * period_s
            raw = WATTS / sensor.resolution * (t_s if sensor.kind == "counter" else 1.0)
            writer.poll([Reading(round(raw), t_s)], 0.001, False, 0)
        for number, start_s in enumerate(STARTS_S):
            writer.opening("repeat", start_s, number)
            end_s = start_s + LENGTH_S
            writer.window(Window(label="solve", start_s=start_s + 1, end_s=end_s, repeat=number))
            writer.window(Window(label="repeat", start_s=start_s, end_s=end_s, repeat=number))
            writer.work(
                Work(amount=1.0, unit="nap", fingerprint="f", precision="equal-accuracy"),
                number if numbered else None,
            )
        return writer.directory


def recovered(left: Path) -> Measurement:
    return reader.recover(str(left), ranges())[1]


def message(measured: Measurement, code: str) -> str:
    (doubt,) = [doubt for doubt in measured.doubts if doubt.code == code]
    return doubt.message


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("sensor", [COUNTER, POWER], ids=["counter", "power"])
@pytest.mark.parametrize("period_s", [0.01, 0.083, 0.1, 0.9])
@pytest.mark.parametrize(
    ("stored_s", "whole", "cut"),
    [(8.9, 1, True), (6.5, 1, False), (13.5, 2, True), (16.9, 3, False), (22.0, 4, False)],
)
def test_repeats_whose_samples_are_not_on_disk_count_as_parts(
    tmp_path: Path,
    stored_s: float,
    whole: int,
    cut: bool,
    period_s: float,
    sensor: Channel,
    numbered: bool,
) -> None:
    """The energy is that of the repeats that were sampled to their end, and no doubt blames the
    sensor. The work of the others is not counted.
    """
    left = killed(tmp_path, stored_s, period_s=period_s, sensor=sensor, numbered=numbered)
    measured = recovered(left)
    assert len(measured.repeats) == whole
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(WATTS * LENGTH_S, rel=0.01)
    assert measured.energy_per_work_j is not None
    assert measured.energy_per_work_j.value == pytest.approx(WATTS * LENGTH_S, rel=0.01)
    assert measured.work is not None
    assert "sensor-lost" not in {doubt.code for doubt in measured.doubts}
    assert f"with {whole} of 4 repeats measured to the end" in message(measured, "recovered")
    lost = {1: "1 further repeat", 2: "2 further repeats", 3: "3 further repeats"}
    assert lost.get(4 - whole, "with 4 of 4") in message(measured, "recovered")
    assert ("cut-off" in {doubt.code for doubt in measured.doubts}) is cut
    if cut:
        part_s = int(stored_s / period_s) * period_s - STARTS_S[whole]
        assert f"1 repeat, ended after {part_s:.3g} s" in message(measured, "cut-off")


@pytest.mark.parametrize("late_s", [0.0, 0.05, 0.4])
def test_a_last_poll_that_is_due_costs_no_repeat(tmp_path: Path, late_s: float) -> None:
    """The power at the end of the samples is taken to go on for two polls and 0.3 s, as in a run
    that was not cut off.
    """
    measured = recovered(killed(tmp_path, STARTS_S[-1] + LENGTH_S - late_s))
    assert len(measured.repeats) == 4
    assert "with 4 of 4 repeats measured to the end" in message(measured, "recovered")
    assert "further" not in message(measured, "recovered")
    assert measured.energy_j is not None
    assert measured.energy_j.low <= WATTS * LENGTH_S <= measured.energy_j.high


def test_without_a_whole_repeat_the_result_is_a_part(tmp_path: Path) -> None:
    """Not compared, without an energy per work."""
    measured = recovered(killed(tmp_path, 4.0))
    assert measured.partial
    assert measured.time_s.value == pytest.approx(2.0, abs=0.01)
    assert measured.energy_per_work_j is None
    assert "with 0 of 4 repeats measured to the end" in message(measured, "recovered")
    assert "no repeat was measured to its end" in message(measured, "cut-off")


def test_samples_before_the_first_repeat_alone_are_no_result(tmp_path: Path) -> None:
    left = killed(tmp_path, 1.5)
    with pytest.raises(BadInput, match="before the first sample of that repeat was written"):
        recovered(left)
    assert left.exists()


@pytest.mark.parametrize(("planned", "words"), [(4, "1 of 4 repeats"), (None, "1 repeat")])
def test_a_workload_on_a_full_disk(tmp_path: Path, planned: int | None, words: str) -> None:
    workload = WorkloadRef(name="w", size="S", device="cpu")
    measured = recovered(killed(tmp_path, 9.0, planned=planned, workload=workload))
    assert len(measured.repeats) == 1
    assert f"with {words} measured to the end" in message(measured, "recovered")
    # on several nodes the first node's own result states the repeats of all
    stated = statement((NodePart("cpu1", "node-cpu1", measured),))
    assert [doubt.code for doubt in stated.doubts] == ["cut-off"]


def test_the_file_of_the_samples_states_the_windows_up_to_its_end(tmp_path: Path) -> None:
    """Whatever reads the run later, such as `attach`, finds no window beyond the samples."""
    directory, _ = reader.recover(str(killed(tmp_path, 9.0)), ranges())
    assert (directory / PARQUET).exists()
    _, windows = reader.read_traces(directory)
    assert [(window.label, window.end_s, window.cut) for window in windows] == [
        ("solve", 6.0, None),
        ("repeat", 6.0, None),
        ("solve", pytest.approx(9.0), None),
        ("repeat", pytest.approx(9.0), "no-end"),
    ]


def test_the_result_so_far_counts_no_repeat_that_waits_for_space(tmp_path: Path) -> None:
    """A program that reads its own result while the disk is full."""
    with RunWriter(tmp_path, header(channels=(COUNTER,))) as writer:
        for i in range(91):
            writer.poll([Reading(round(WATTS * i * 0.1 * 1e6), i * 0.1)], 0.001, False, 0)
        for number, start_s in enumerate(STARTS_S):
            writer.opening("repeat", start_s, number)
            writer.window(
                Window(label="repeat", start_s=start_s, end_s=start_s + LENGTH_S, repeat=number)
            )
        writer.flush()
        measured = writer.so_far(ranges())
    assert len(measured.repeats) == 1
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(WATTS * LENGTH_S, rel=0.01)


def test_a_hole_in_the_samples_costs_no_repeat_its_truth(tmp_path: Path) -> None:
    """The disk was full for so long that samples were given up, and took samples again: the
    interval holds the energy, and a doubt names the hole.
    """
    busy_w, starts_s, length_s = 300.0, (2.0, 12.0, 22.0, 32.0), 5.0
    with RunWriter(tmp_path, header(channels=(COUNTER,), repeats=4)) as writer:
        for i in range(401):
            t_s = i * 0.1
            busy_s = sum(min(max(t_s - start, 0.0), length_s) for start in starts_s)
            joules = WATTS * t_s + (busy_w - WATTS) * busy_s
            if not 14.0 < t_s < 25.0:
                writer.poll([Reading(round(joules * 1e6), t_s)], 0.001, False, 0)
        for number, start_s in enumerate(starts_s):
            writer.opening("repeat", start_s, number)
            writer.window(
                Window(label="repeat", start_s=start_s, end_s=start_s + length_s, repeat=number)
            )
        left = writer.directory
    measured = recovered(left)
    assert len(measured.repeats) == 4
    assert measured.energy_j is not None
    assert measured.energy_j.low <= busy_w * length_s <= measured.energy_j.high
    assert "reading-gap" in {doubt.code for doubt in measured.doubts}


@pytest.mark.parametrize("lossy", [False, True])
def test_a_run_that_gave_up_its_last_samples_has_no_energy_of_their_time(
    tmp_path: Path, lossy: bool
) -> None:
    """The disk took the result in the end, when more samples had waited than the memory for them
    holds. Samples that are missing for another reason are a sensor that was lost.
    """
    with RunWriter(tmp_path, header(channels=(COUNTER,))) as writer:
        for i in range(91):
            writer.poll([Reading(round(WATTS * i * 0.1 * 1e6), i * 0.1)], 0.001, False, 0)
        for number, start_s in enumerate(STARTS_S[:2]):
            writer.opening("repeat", start_s, number)
            writer.window(
                Window(label="repeat", start_s=start_s, end_s=start_s + LENGTH_S, repeat=number)
            )
        _, measured = writer.finish(ranges(), lossy=lossy)
    codes = {doubt.code for doubt in measured.doubts}
    assert len(measured.repeats) == (1 if lossy else 2)
    assert ("sensor-lost" in codes) is not lossy
    assert ("cut-off" in codes) is lossy
