"""Jobs without the head node's files, or with damaged ones: whole parts still give a result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energybench.cli.main import main
from energybench.errors import BadInput
from energybench.model import Measurement, Work
from energybench.store import reader
from energybench.store.job_merging import collect
from energybench.store.layout import JOB as HEADER
from energybench.store.layout import RUN, WINDOWS
from tests.simulators.job_directory import JOB, Node, finished_job, true_j

NODES = {f"n{i}": Node(busy_w=300.0 + 10 * i, clock_s=5.0 * i) for i in range(3)}
REPEATS = ((2.0, 7.0), (8.0, 13.0), (14.0, 19.0))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return finished_job(tmp_path, NODES, REPEATS, msgspec.structs.replace(JOB, nodes=3))


def damaged(result: Measurement) -> list[str]:
    """Names of the files that a doubt is about."""
    return [doubt.subject for doubt in result.doubts if doubt.code == "job-record-damaged"]


def assert_whole(result: Measurement) -> None:
    assert [share.node for share in result.shares] == list(NODES)
    assert [share.state for share in result.shares] == ["measured"] * 3
    assert [repeat.time_s for repeat in result.repeats] == pytest.approx([5.0] * 3)
    assert result.energy_j is not None
    assert result.energy_j.value == pytest.approx(true_j(NODES, 5.0), rel=0.001)


def without(*names: str) -> Callable[[Path], None]:
    def remove(directory: Path) -> None:
        for name in names:
            (directory / name).unlink()

    return remove


def cut(name: str, size: int) -> Callable[[Path], None]:
    def shorten(directory: Path) -> None:
        (directory / name).write_bytes((directory / name).read_bytes()[:size])

    return shorten


def after_lines(count: int) -> Callable[[Path], None]:
    def shorten(directory: Path) -> None:
        lines = (directory / WINDOWS).read_bytes().split(b"\n")
        (directory / WINDOWS).write_bytes(b"\n".join(lines[:count]) + b"\n")

    return shorten


def with_bad_line(directory: Path) -> None:
    lines = (directory / WINDOWS).read_bytes().split(b"\n")
    lines[1] = b"\x00\xff{"
    (directory / WINDOWS).write_bytes(b"\n".join(lines))


@pytest.mark.parametrize(
    ("harm", "files"),
    [
        (without(WINDOWS), [WINDOWS]),
        (cut(WINDOWS, 0), [WINDOWS]),
        (cut(WINDOWS, 100), [WINDOWS]),
        (cut(WINDOWS, 700), [WINDOWS]),
        (after_lines(2), [WINDOWS]),
        (with_bad_line, [WINDOWS]),
        (without(HEADER), [HEADER]),
        (cut(HEADER, 0), [HEADER]),
        (cut(HEADER, 200), [HEADER]),
        (without(HEADER, WINDOWS), [HEADER, WINDOWS]),
        (without(HEADER, RUN), [HEADER]),
        (without(HEADER, WINDOWS, RUN), [HEADER, WINDOWS]),
        (without(HEADER, WINDOWS, RUN, "clocks.json", "offsets.json"), [HEADER, WINDOWS]),
    ],
)
def test_the_parts_give_the_result_and_the_file_is_named(
    job: Path, harm: Callable[[Path], None], files: list[str]
) -> None:
    harm(job)
    result = collect(job)
    assert_whole(result)
    assert damaged(result) == files
    assert reader.read_run(job) == result
    assert collect(job) == result


def test_without_the_part_of_the_head_node_another_part_states_the_repeats(job: Path) -> None:
    """On its own clock, which offsets.json ties to the head node's; the head node is missing."""
    shutil.rmtree(job / "node-n0")
    (job / WINDOWS).unlink()
    result = collect(job)
    assert [share.state for share in result.shares] == ["missing", "measured", "measured"]
    assert [repeat.start_s for repeat in result.repeats] == pytest.approx([2.0, 8.0, 14.0])
    assert result.energy_j is not None
    assert result.energy_j.low <= true_j(NODES, 5.0) <= result.energy_j.high


def test_a_node_that_nobody_names_is_missing(job: Path) -> None:
    """The parts state the number of the job's nodes."""
    shutil.rmtree(job / "node-n2")
    for name in (HEADER, RUN):
        (job / name).unlink()
    result = collect(job)
    assert [share.state for share in result.shares] == ["measured", "measured", "missing"]


def test_the_work_of_the_earlier_result_stays(job: Path) -> None:
    work = Work(amount=2.0, unit="solve", fingerprint="f", precision="equal-accuracy")
    earlier = reader.read_run(job)
    repeats = tuple(msgspec.structs.replace(repeat, work=work) for repeat in earlier.repeats)
    stated = msgspec.structs.replace(earlier, repeats=repeats)
    (job / RUN).write_bytes(msgspec.json.encode(stated))
    (job / WINDOWS).unlink()
    assert [repeat.work for repeat in collect(job).repeats] == [work] * 3


def test_nothing_that_states_the_repeats_or_the_job(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the file."""
    for name in NODES:
        (job / f"node-{name}" / RUN).write_text("{")
    (job / RUN).unlink()
    (job / WINDOWS).unlink()
    with pytest.raises(BadInput, match=r"windows\.jsonl is missing"):
        collect(job)
    (job / HEADER).unlink()
    assert main(("collect", str(job))) == 2
    assert HEADER in capsys.readouterr().err


def test_collect_of_a_run_on_one_node_is_refused(job: Path) -> None:
    assert main(("collect", str(job / "node-n0"))) == 2
