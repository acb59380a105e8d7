"""What is promised of a job whose storage was full is what `energybench recover` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.store.job_files import recover_job
from energybench.store.layout import HEADER, JOB, PARTIAL, SAMPLES, WINDOWS
from energybench.store.remains import remains_of
from tests.simulators.job_directory import Node, open_job, write_part

REPEATS = ((2.0, 7.0), (8.0, 13.0))
NAMES = ("cpu1", "cpu2")


def unfinished(store: Path) -> Path:
    """A job of two nodes whose results were not taken, and which recovers as a whole."""
    with open_job(store, {name: Node(finished=False) for name in NAMES}, REPEATS) as writer:
        for name in NAMES:
            write_part(writer.directory, name, Node(), REPEATS, cut_off=True)
        return writer.directory


def parts(directory: Path) -> list[Path]:
    return [directory / f"{PARTIAL}node-{name}" for name in NAMES]


def keep(path: Path, lines: int) -> None:
    """The storage took so many lines of a file, and a piece of the next."""
    content = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(content[:lines]) + b'{"opening":')


def nothing_lost(directory: Path) -> None:
    return


def one_node_without_samples(directory: Path) -> None:
    (parts(directory)[1] / SAMPLES).write_bytes(b"")


def no_samples(directory: Path) -> None:
    for part in parts(directory):
        (part / SAMPLES).write_bytes(b"")


def no_headers(directory: Path) -> None:
    for part in parts(directory):
        (part / HEADER).write_text("")


def one_time(directory: Path) -> None:
    no_samples(directory)
    keep(directory / WINDOWS, 2)


def no_end_of_a_repeat(directory: Path) -> None:
    """The nodes state it."""
    no_samples(directory)
    keep(directory / WINDOWS, 1)


def no_time(directory: Path) -> None:
    no_end_of_a_repeat(directory)
    no_windows_of_the_nodes(directory)


def no_end_of_the_first_repeat(directory: Path) -> None:
    keep(directory / WINDOWS, 1)


def no_start_of_a_repeat(directory: Path) -> None:
    keep(directory / WINDOWS, 0)


def no_windows_of_the_nodes(directory: Path) -> None:
    for part in parts(directory):
        keep(part / WINDOWS, 0)


def no_windows_at_all(directory: Path) -> None:
    no_windows_of_the_nodes(directory)
    no_start_of_a_repeat(directory)


def damaged_job(directory: Path) -> None:
    (directory / JOB).write_text("{")


@pytest.mark.parametrize(
    ("lose", "nodes", "times"),
    [
        (nothing_lost, 2, True),
        (one_node_without_samples, 1, True),
        (no_samples, 0, True),
        (no_headers, 0, True),
        (one_time, 0, True),
        (no_windows_of_the_nodes, 0, True),
        (no_end_of_the_first_repeat, 2, True),
        (no_start_of_a_repeat, 0, False),
        (no_end_of_a_repeat, 0, True),
        (no_time, 0, False),
        (no_windows_at_all, 0, False),
        (damaged_job, 0, False),
    ],
)
def test_a_promise_is_kept(
    tmp_path: Path, lose: Callable[[Path], None], nodes: int, times: bool
) -> None:
    directory = unfinished(tmp_path)
    lose(directory)
    remains = remains_of(directory, NAMES)
    assert (len(remains.nodes), remains.times) == (nodes, times)
    if not nodes and not times:
        with pytest.raises(BadInput):
            recover_job(directory, ranges())
        return
    _, measured = recover_job(directory, ranges())
    assert (measured.energy_j is not None) is (nodes > 0)
    assert measured.time_s.value == pytest.approx(5.0)
    assert measured.partial is (lose in (no_end_of_the_first_repeat, no_end_of_a_repeat))
