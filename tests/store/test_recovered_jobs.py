"""`energybench recover` completes a job of several nodes. The result says that it was recovered
and which repeats are missing, and no time of a node counts for which that node has no samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import Measurement
from energybench.store import reader
from energybench.store.job_files import recover_job
from energybench.store.job_merging import collect
from energybench.store.job_parts import CLOCKS, OFFSETS
from energybench.store.layout import PARTIAL, WINDOWS
from energybench.store.rank_job import ensure_rank_job
from tests.simulators.job_directory import JOB, Node, host, open_job, true_j, write_part

FIVE = ((2.0, 5.0), (6.0, 9.0), (10.0, 13.0), (14.0, 17.0), (18.0, 21.0))
FOUR = ((2.0, 6.0), (7.0, 11.0), (12.0, 16.0), (17.0, 21.0))
NAMES = ("cpu1", "cpu2")


def messages(measured: Measurement, code: str) -> list[str]:
    return [doubt.message for doubt in measured.doubts if doubt.code == code]


# ---------------------------------------------------------------- the head node's process


def killed_head(store: Path, whole: int, *, inside: bool = True, clocks: bool = False) -> Path:
    """A job of two nodes and five repeats whose head node's process was killed after some whole
    repeats; the readers then wrote their results.

    inside  whether the next repeat was under way
    clocks  whether the clocks were written down before
    """
    none = {name: Node(finished=False) for name in NAMES}
    with open_job(store, none, FIVE[:whole], planned=5) as writer:
        for number, name in enumerate(NAMES):
            ends_s = FIVE[whole][0] + 2.0 if inside else FIVE[whole][0] - 0.5
            lost_in = whole if inside else None
            node = Node(clock_s=5000.0 * number, lost_in=lost_in, ends_s=ends_s)
            times = FIVE[: whole + 1] if inside else FIVE[:whole]
            write_part(writer.directory, name, node, times)
        if inside:
            writer.opening(FIVE[whole][0], whole)
        directory = writer.directory
    if not clocks:
        (directory / CLOCKS).unlink()
        (directory / OFFSETS).unlink()
    return directory


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("whole", [1, 2, 4])
def test_a_job_whose_head_was_killed_says_so(tmp_path: Path, whole: int, inside: bool) -> None:
    """As a run on one node: with how many repeats, and a doubt about the repeat that is lost. So
    does the job that is merged again.
    """
    directory, measured = recover_job(killed_head(tmp_path, whole, inside=inside), ranges())
    for again in (measured, collect(directory), reader.read_run(directory)):
        assert len(again.repeats) == whole
        assert not again.partial
        (words,) = messages(again, "recovered")
        assert "the head node's process ended" in words
        assert f"with {whole} of 5 repeats run to the end" in words
        cut = messages(again, "cut-off")
        assert len(cut) == inside
        assert all(f"repeat {whole + 1} of 5" in words for words in cut)
        assert again == measured


def test_a_job_without_a_whole_repeat_is_a_part(tmp_path: Path) -> None:
    _, measured = recover_job(killed_head(tmp_path, 0), ranges())
    assert measured.partial
    (words,) = messages(measured, "recovered")
    assert "with 0 of 5 repeats run to the end" in words
    (words,) = messages(measured, "cut-off")
    assert "no repeat was measured to its end" in words


def test_recovering_again_states_it_once(tmp_path: Path) -> None:
    """The first attempt could not write the result."""
    left = killed_head(tmp_path, 2)
    final = left.with_name(left.name.removeprefix(PARTIAL))
    final.mkdir()
    with pytest.raises(BadInput, match="exists already"):
        recover_job(left, ranges())
    final.rmdir()
    _, measured = recover_job(left, ranges())
    assert len(messages(measured, "recovered")) == len(messages(measured, "cut-off")) == 1


def test_a_line_that_was_cut_off_is_no_obstacle(tmp_path: Path) -> None:
    left = killed_head(tmp_path, 2)
    with (left / WINDOWS).open("ab") as file:
        file.write(b'{"window": {"label": "rep')
    directory, measured = recover_job(left, ranges())
    assert messages(measured, "recovered")
    assert collect(directory) == measured


def test_a_job_that_was_not_recovered_says_nothing_of_it(tmp_path: Path) -> None:
    """A repeat that was begun and not run, because the program did not start, is no lost one."""
    with open_job(tmp_path, dict.fromkeys(NAMES, Node()), FIVE[:2], planned=5) as writer:
        writer.opening(FIVE[2][0], 2)
        _, measured = writer.finish({}, ranges(), have_ended=True)
    assert not messages(measured, "recovered")
    assert not messages(measured, "cut-off")


def test_clocks_that_were_never_written_are_told_from_a_lost_file(tmp_path: Path) -> None:
    """Nobody is told to bring a file back that there never was."""
    directory, measured = recover_job(killed_head(tmp_path / "killed", 2), ranges())
    for again in (measured, collect(directory)):
        (doubt,) = [doubt for doubt in again.doubts if doubt.code == "clock-error-unknown"]
        assert "did not write down" in doubt.message
        assert "its process ended first" in doubt.message
        assert doubt.remedy == "repeat the job"

    kept = killed_head(tmp_path / "kept", 2, clocks=True)
    directory, measured = recover_job(kept, ranges())
    assert not messages(measured, "clock-error-unknown")
    (directory / CLOCKS).unlink()
    (doubt,) = [doubt for doubt in collect(directory).doubts if doubt.code == "clock-error-unknown"]
    assert "missing or damaged" in doubt.message
    assert "bring the file back" in doubt.remedy


# ---------------------------------------------------------------- full storage


def full(store: Path, nodes: Mapping[str, Node]) -> Path:
    """A job of four repeats whose results were not taken by the storage."""
    none = {name: Node(finished=False) for name in nodes}
    with open_job(store, none, FOUR) as writer:
        for name, node in nodes.items():
            write_part(writer.directory, name, node, FOUR, cut_off=True)
        return writer.directory


@pytest.mark.parametrize("stored_s", [8.0, 11.6, 14.0, 20.3])
@pytest.mark.parametrize("others", [None, 9.5])
def test_no_time_without_samples_counts_as_read(
    tmp_path: Path, stored_s: float, others: float | None
) -> None:
    """The windows of all repeats are on disk, the samples end before: the power of a node is that
    of the repeats that were sampled, and no doubt blames a device.

    others  where the samples of the other node end; None: it has all
    """
    nodes = {"cpu1": Node(stored_s=others), "cpu2": Node(clock_s=5000.0, stored_s=stored_s)}
    _, measured = recover_job(full(tmp_path, nodes), ranges())
    assert measured.energy_j is not None
    assert measured.energy_j.low <= true_j(nodes, 4.0) <= measured.energy_j.high
    assert measured.energy_j.value == pytest.approx(true_j(nodes, 4.0), rel=0.01)
    whole = sum(end_s <= stored_s for _, end_s in FOUR)
    share = measured.shares[1]
    assert share.state == "partial"
    assert share.covered_s == pytest.approx(4.0 * whole, abs=0.01)
    assert share.power_w == pytest.approx(320.0, rel=0.01)
    assert not messages(measured, "sensor-lost")
    assert any(f"with {whole} of " in words for words in messages(measured, "recovered")) or any(
        f"with {whole} repeat" in words for words in messages(measured, "recovered")
    )


def test_ranks_on_full_storage_are_a_part(tmp_path: Path) -> None:
    """The samples of one node end in its only window."""
    nodes = {"cpu1": Node(), "cpu2": Node(clock_s=9.0, stored_s=5.0)}
    folder = tmp_path / f"{PARTIAL}app_ebtest-71-r0_step-0"
    ensure_rank_job(
        folder,
        label="app",
        command=("./app",),
        boundary="compute",
        own_job=JOB,
        nodes=NAMES,
        host=host("cpu1", Node()),
    )
    for name, node in nodes.items():
        write_part(folder, name, node, ((2.0, 10.0),), cut_off=name == "cpu2")
    _, measured = recover_job(folder, ranges())
    assert measured.partial
    assert measured.time_s.value == pytest.approx(8.0)
    assert [share.state for share in measured.shares] == ["measured", "partial"]
    assert measured.shares[1].covered_s == pytest.approx(3.0, abs=0.01)
    assert measured.energy_j is not None
    assert measured.energy_j.low <= true_j(nodes, 8.0) <= measured.energy_j.high
