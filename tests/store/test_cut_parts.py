"""Readers that read on after the head node was lost: the energy is that of the job's windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.measuring.session import ranges
from energybench.model import Measurement
from energybench.store import reader
from energybench.store.job_merging import collect
from energybench.store.job_parts import CLOCKS, OFFSETS
from energybench.store.layout import PARQUET, RUN
from tests.simulators.job_directory import Node, finished_job, open_job, true_j, write_part

ONE = ((2.0, 8.0),)
THREE = ((2.0, 5.0), (6.0, 9.0), (10.0, 13.0))


def two(lost_in: int, ends_s: float = 40.0) -> dict[str, Node]:
    """The readers of both nodes read on, until they hear that the head node's process has ended."""
    return {
        "cpu1": Node(lost_in=lost_in, ends_s=ends_s),
        "cpu2": Node(busy_w=250.0, clock_s=5000.0, lost_in=lost_in, ends_s=ends_s),
    }


def holds(measured: Measurement, truth_j: float) -> bool:
    assert measured.energy_j is not None
    return measured.energy_j.low <= truth_j <= measured.energy_j.high


@pytest.mark.parametrize(("repeats", "lost_in"), [(ONE, 0), (THREE, 0), (THREE, 1), (THREE, 2)])
def test_a_part_that_was_read_on_has_the_energy_of_the_jobs_windows(
    tmp_path: Path, repeats: tuple[tuple[float, float], ...], lost_in: int
) -> None:
    """In whichever repeat the connection was lost; of all repeats of the job, from the samples."""
    nodes = two(lost_in)
    measured = reader.read_run(finished_job(tmp_path, nodes, repeats))
    seconds = repeats[0][1] - repeats[0][0]
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(true_j(nodes, seconds), rel=0.002)
    assert holds(measured, true_j(nodes, seconds))
    assert not measured.partial
    assert [share.state for share in measured.shares] == ["measured", "measured"]
    for share in measured.shares:
        assert share.energy_j is not None
        own_j = true_j({share.node: nodes[share.node]}, seconds)
        assert share.energy_j.value == pytest.approx(own_j, rel=0.002)


def test_collecting_again_and_from_samples_keeps_the_energy(tmp_path: Path) -> None:
    directory = finished_job(tmp_path, two(0), THREE)
    before = reader.read_run(directory)
    assert collect(directory) == before
    assert collect(directory, ranges()).energy_j == before.energy_j


def without_offsets(directory: Path) -> None:
    (directory / OFFSETS).unlink()


def without_halves(directory: Path) -> None:
    (directory / CLOCKS).write_text("{")


@pytest.mark.parametrize("spoil", [without_offsets, without_halves])
@pytest.mark.parametrize("lost_in", [0, 1])
def test_the_news_of_the_start_tells_the_clocks_apart(
    tmp_path: Path, lost_in: int, spoil: Callable[[Path], None]
) -> None:
    """Without the head node's comparison: a whole repeat is as good, the arrival of a message less
    so, and the interval says so.
    """
    nodes = two(lost_in)
    directory = finished_job(tmp_path, nodes, THREE)
    before = reader.read_run(directory)
    spoil(directory)
    measured = collect(directory)
    assert holds(measured, true_j(nodes, 3.0))
    assert before.energy_j is not None
    assert measured.energy_j is not None
    wider = measured.energy_j.half_width / before.energy_j.half_width
    assert (wider > 1.1) is (lost_in == 0)


def without_samples(directory: Path) -> None:
    (directory / "node-cpu2" / PARQUET).unlink()


def with_damaged_samples(directory: Path) -> None:
    (directory / "node-cpu2" / PARQUET).write_bytes(b"PAR1")


def with_unknown_clocks(directory: Path) -> None:
    """The message that the program runs waited on its way, or the node's clock is wrong."""
    without_offsets(directory)
    run = directory / "node-cpu2" / RUN
    run.write_text(run.read_text().replace("2026-03-02T10:15", "2026-03-02T10:16"))


@pytest.mark.parametrize("spoil", [without_samples, with_damaged_samples, with_unknown_clocks])
def test_a_part_that_cannot_be_measured_again_is_missing(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Never counted as whole: the node has the range of its peer, and the coverage says so."""
    nodes = {"cpu1": Node(), "cpu2": Node(busy_w=280.0, lost_in=0, ends_s=40.0)}
    directory = finished_job(tmp_path, nodes, ONE)
    spoil(directory)
    measured = collect(directory)
    assert [share.state for share in measured.shares] == ["measured", "missing"]
    assert measured.shares[1].covered_s == 0
    assert holds(measured, true_j(nodes, 6.0))
    (doubt,) = [doubt for doubt in measured.doubts if doubt.code == "node-missing"]
    assert "cut off after 37.98 s" in doubt.message
    assert "the repeat of the job lasted 6 s" in doubt.message


@pytest.mark.parametrize("ends_s", [5.0, 7.9])
def test_a_node_that_ends_within_the_repeat_is_partial(tmp_path: Path, ends_s: float) -> None:
    """Its samples end there: the rest of the time is a range, as before."""
    nodes = {"cpu1": Node(), "cpu2": Node(ends_s=ends_s)}
    measured = reader.read_run(finished_job(tmp_path, nodes, ONE))
    assert [share.state for share in measured.shares] == ["measured", "partial"]
    assert measured.shares[1].covered_s == pytest.approx(ends_s - 2.0)
    assert holds(measured, true_j(nodes, 6.0))


def test_a_job_that_was_cut_on_all_nodes_stays_a_part(tmp_path: Path) -> None:
    """The head node's process was killed and stated no window: the parts are those of the work."""
    nodes = two(0)
    with open_job(tmp_path, {name: Node(finished=False) for name in nodes}, ()) as writer:
        for name, node in nodes.items():
            write_part(writer.directory, name, node, ONE)
        writer.opening(2.0, 0)
        _, measured = writer.finish({}, ranges(), have_ended=True)
    assert measured.partial
    assert measured.repeats[0].time_s == pytest.approx(38.0, abs=0.1)
