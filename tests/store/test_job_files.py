"""A job's directory: read back as any result, whatever is missing or foreign in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from energybench.analysis.comparison.compare import compare
from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import Measurement
from energybench.store import reader
from energybench.store.job_files import recover_job
from energybench.store.job_merging import collect
from energybench.store.layout import HEADER, PARTIAL
from energybench.store.liveness import boot_id
from tests.simulators.job_directory import (
    JOB,
    Node,
    finished_job,
    open_job,
    true_j,
    write_part,
)

TWO = {"cpu1": Node(), "cpu2": Node(busy_w=250.0, clock_s=5000.0, gpus=2)}
UNEVEN = ((2.0, 7.0), (8.0, 14.0), (15.0, 19.5))


@pytest.mark.parametrize("repeats", [((2.0, 7.0),), UNEVEN])
def test_the_result_of_a_job_reads_back(
    tmp_path: Path, repeats: tuple[tuple[float, float], ...]
) -> None:
    """Also with repeats of different lengths, and idle power of every node."""
    measured = reader.read_run(finished_job(tmp_path, TWO, repeats))
    mean_s = sum(end - start for start, end in repeats) / len(repeats)
    assert measured.energy_j is not None
    assert measured.power_w is not None
    assert measured.energy_j.value == pytest.approx(true_j(TWO, mean_s), rel=0.01)
    assert measured.power_w.value == pytest.approx(true_j(TWO, 1.0) / 2, rel=0.01)
    assert [share.state for share in measured.shares] == ["measured", "measured"]


def test_a_job_without_all_of_its_nodes_reads_back(tmp_path: Path) -> None:
    """The energy then holds the least energy of the nodes that were not read."""
    nodes = {**TWO, "cpu3": Node(ends_s=4.0), "cpu4": Node(finished=False)}
    measured = reader.read_run(finished_job(tmp_path, nodes, ((2.0, 7.0),)))
    assert [share.state for share in measured.shares] == [
        "measured",
        "measured",
        "partial",
        "missing",
    ]
    assert measured.energy_j is not None
    assert measured.energy_j.low <= true_j(nodes, 5.0) <= measured.energy_j.high


def test_a_job_is_compared_with_a_run_on_one_node(tmp_path: Path) -> None:
    """The ratio of the whole energies; node-hours count the nodes of each side."""
    job = reader.read_run(finished_job(tmp_path / "job", TWO))
    one = reader.read_run(finished_job(tmp_path / "one", {"cpu1": Node()}))
    comparison = compare(job, one)
    assert comparison.energy_ratio is not None
    true_ratio = true_j(TWO, 1.0) / true_j({"cpu1": Node()}, 1.0)
    assert comparison.energy_ratio.value == pytest.approx(true_ratio, rel=0.01)
    assert comparison.node_hours[0] == pytest.approx(2 * comparison.node_hours[1])
    assert comparison.counted_once


def test_a_job_is_the_run_of_a_campaign_that_its_nodes_name(tmp_path: Path) -> None:
    """Whoever merges the parts, a login node for example, need not be in the campaign's job."""
    nodes = {name: node._replace(case="trial/app@cpu/0a1b2c3d") for name, node in TWO.items()}
    assert reader.read_run(finished_job(tmp_path, nodes)).case == "trial/app@cpu/0a1b2c3d"


# ---------------------------------------------------------------- bad parts


def left_out(measured: Measurement) -> dict[str, str]:
    """Message of each doubt about something that is not counted, by the name of the entry."""
    return {
        doubt.subject: doubt.message for doubt in measured.doubts if doubt.code == "part-left-out"
    }


def test_foreign_parts_are_named_and_the_others_count(tmp_path: Path) -> None:
    """Parts of another job, start, boot and command, a part twice, files of other programs."""
    repeats = ((2.0, 7.0),)
    nodes = {"cpu1": Node(), "cpu2": Node()}
    directory = finished_job(tmp_path, nodes, repeats)
    others = {
        "node-other": (JOB, repeats, "cpu2", Node()),
        "node-job72": (structs.replace(JOB, id="72"), repeats, "cpu8", Node()),
        "node-start2": (structs.replace(JOB, restart=1), repeats, "cpu8", Node()),
        "node-boot": (JOB, repeats, "cpu2", Node(clock_s=7.0)),
        "node-command": (JOB, ((2.0, 17.0),), "cpu8", Node()),
        "node-stranger": (JOB, repeats, "cpu9", Node()),
    }
    for folder, (job, times, name, node) in others.items():
        write_part(
            directory, name, node, times, job, directory=folder, boot=2 if "boot" in folder else 1
        )
    (directory / "slurm-71.out").write_text("output")
    (directory / "node-cpu2.tar").write_text("")
    damaged = directory / "node-damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text('{"schema": "energybench/1", "ki')
    empty = directory / "node-empty"
    empty.mkdir()

    measured = collect(directory)

    names = left_out(measured)
    assert set(names) == {*others, "slurm-71.out", "node-cpu2.tar", "node-damaged", "node-empty"}
    assert all(name in message for name, message in names.items())
    assert "second part of the node of node-cpu2" in names["node-other"]
    assert "from another boot" in names["node-boot"]
    assert "ebtest-72-r0" in names["node-job72"]
    assert "start 2" in names["node-start2"]
    assert "another command" in names["node-command"]
    assert [share.state for share in measured.shares] == ["measured", "measured"]
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(true_j(nodes, 5.0), rel=0.01)
    assert reader.read_run(directory) == measured


def test_a_part_that_is_left_out_is_a_missing_node(tmp_path: Path) -> None:
    """Its energy has the range of the other nodes, and the coverage says so."""
    nodes = {"cpu1": Node(), "cpu2": Node(busy_w=350.0), "cpu3": Node()}
    directory = finished_job(tmp_path, nodes, ((2.0, 7.0),))
    (directory / "node-cpu3" / "run.json").write_text("{")
    measured = collect(directory)
    assert [share.state for share in measured.shares] == ["measured", "measured", "missing"]
    assert list(left_out(measured)) == ["node-cpu3"]
    assert measured.energy_j is not None
    # the gain of the boards, one percent each, beside the range
    assert measured.energy_j.low <= true_j(nodes, 5.0) <= measured.energy_j.high


def test_a_part_with_a_meter_attached_is_a_run_of_its_own(tmp_path: Path) -> None:
    """It stands beside the part and is neither counted nor doubted."""
    directory = finished_job(tmp_path, TWO)
    before = reader.read_run(directory)
    shutil.copytree(directory / "node-cpu1", directory / "node-cpu1_attached")
    assert collect(directory) == before


def test_clocks_that_are_apart_are_named(tmp_path: Path) -> None:
    """The energy is that of the parts all the same."""
    nodes = {"cpu1": Node(), "cpu2": Node(wrong_s=3600.0)}
    measured = reader.read_run(finished_job(tmp_path, nodes))
    assert [doubt.subject for doubt in measured.doubts if doubt.code == "node-clock"] == [
        "node-cpu2"
    ]
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(true_j(nodes, 5.0), rel=0.01)


def test_names_of_nodes_that_the_head_node_did_not_know(tmp_path: Path) -> None:
    """The parts tell the names; no node is counted twice."""
    with open_job(tmp_path, {"cpu1": Node(), "cpu2": Node()}) as writer:
        for name in ("cpu1", "cpu2"):
            (writer.directory / f"node-{name}").rename(writer.directory / f"node-nid{name[-1]}")
        _, measured = writer.finish({}, ranges(), have_ended=True)
    assert [share.node for share in measured.shares] == ["nid1", "nid2"]
    assert not left_out(measured)


# ---------------------------------------------------------------- merging again


def test_recovering_waits_for_the_readers_of_other_nodes(tmp_path: Path) -> None:
    """After the head node's process was killed, readers go on until their results are written: a
    node is never left out because it is a moment late.
    """
    nodes = {"cpu1": Node(), "cpu2": Node(finished=False)}
    with open_job(tmp_path, nodes) as writer:
        directory = writer.directory
        part = write_part(directory, "cpu2", Node(), ((2.0, 7.0), (8.0, 13.0)), cut_off=True)
    header, own = part / HEADER, boot_id()
    assert own is not None
    header.write_text(header.read_text().replace(own, "of-another-node"))
    with pytest.raises(BadInput, match=r"which may be alive.*wait until the job's readers"):
        recover_job(directory, ranges())
    for path in directory.rglob("*"):
        os.utime(path, (0, 0))
    _, measured = recover_job(directory, ranges())
    assert [share.state for share in measured.shares] == ["measured", "measured"]


def test_a_job_without_samples_has_its_times(tmp_path: Path) -> None:
    """As full storage leaves it: a damaged header is a reason, and keeps no other node waiting."""
    with open_job(tmp_path, {"cpu1": Node(finished=False)}) as writer:
        directory = writer.directory
        part = directory / f"{PARTIAL}node-cpu1"
        part.mkdir()
        (part / HEADER).write_text("")
    finished, measured = recover_job(directory, ranges())
    assert measured.time_s.value == pytest.approx(5.0)
    assert [repeat.time_s for repeat in measured.repeats] == pytest.approx([5.0, 5.0])
    assert measured.energy_j is None
    assert [share.state for share in measured.shares] == ["missing"]
    (doubt,) = [doubt for doubt in measured.doubts if doubt.code == "node-missing"]
    assert "header" in doubt.message
    assert "the energy of the job is not known" in doubt.message
    assert reader.read_run(finished) == measured


def test_collecting_again_changes_nothing(tmp_path: Path) -> None:
    """Neither the result nor a part; a reason that only the head node knew stays."""
    with open_job(tmp_path, {**TWO, "cpu3": Node(finished=False)}) as writer:
        directory, before = writer.finish(
            {"cpu3": "its sensors could not be read"}, ranges(), have_ended=True
        )
    files = contents(directory)
    assert collect(directory) == before
    assert contents(directory) == files


@pytest.mark.parametrize("jobs", [1, 2])
def test_collecting_from_samples(tmp_path: Path, jobs: int) -> None:
    """The same energies as from the nodes' results, and no file of a part changes."""
    nodes = {f"cpu{i}": Node(busy_w=300.0 + i, clock_s=100.0 * i) for i in range(10)}
    directory = finished_job(tmp_path, nodes, ((2.0, 4.0),))
    before, files = reader.read_run(directory), contents(directory)
    measured = collect(directory, ranges(), jobs)
    assert measured.energy_j == before.energy_j
    assert measured.shares == before.shares
    assert {doubt.code for doubt in measured.doubts} == {doubt.code for doubt in before.doubts}
    changed = {name for name, text in contents(directory).items() if files[name] != text}
    assert changed <= {"run.json"}


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file()
    }


def test_many_losses_are_few_doubts(tmp_path: Path) -> None:
    """The doubts of a hundred nodes and a hundred files stay readable."""
    nodes = {"cpu1": Node(), **{f"gone{i}": Node() for i in range(12)}}
    directory = finished_job(tmp_path, nodes, ((2.0, 4.0),))
    for number in range(12):
        shutil.rmtree(directory / f"node-gone{number}")
    for number in range(100):
        (directory / f"core.{number}").write_text("")
    measured = collect(directory)
    (missing,) = [doubt for doubt in measured.doubts if doubt.code == "node-missing"]
    assert "12 nodes (gone0, gone1" in missing.message
    assert len(left_out(measured)) == 21
    assert "80 more entries" in left_out(measured)[""]


@pytest.mark.parametrize(("count", "other", "few"), [(1, 2, True), (5, 5, False), (2, 2, True)])
def test_few_nodes_stand_for_themselves(tmp_path: Path, count: int, other: int, few: bool) -> None:
    """Five nodes on both sides tell something about a partition."""
    jobs = [
        reader.read_run(
            finished_job(tmp_path, {f"{side}{i}": Node() for i in range(number)}, ((2.0, 4.0),))
        )
        for side, number in (("a", count), ("b", other))
    ]
    codes = {doubt.code for doubt in compare(jobs[0], jobs[1]).doubts}
    assert ("one-node" in codes) == few
    assert "one-node" not in {doubt.code for doubt in compare(jobs[0], jobs[0], force=True).doubts}
