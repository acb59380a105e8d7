"""A run that is being written is not completed, removed or replaced by another command, in another
container, or on another host.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from energybench.errors import BadInput, StorageFailed
from energybench.measuring.session import ranges
from energybench.store import layout, reader
from energybench.store.run import Header, pretty, read_header
from energybench.store.study import StudyStore
from energybench.store.writer import RunWriter
from tests.store.filled_runs import fill, header


def test_an_open_run_is_not_recovered(tmp_path: Path) -> None:
    """The lock decides, not the process number: the process that is named may not exist here."""
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        path = writer.directory / layout.HEADER
        path.write_text(pretty(edited(path, pid=4_000_000, pid_started=1)))
        with pytest.raises(BadInput, match="still being measured by process 4000000"):
            reader.recover(str(writer.directory), ranges())
        final, _ = writer.finish(ranges())
    assert (final / layout.RUN).is_file()


def test_a_killed_writer_lets_go(tmp_path: Path) -> None:
    """The kernel releases the lock of a process that was killed, in whatever namespace."""
    script = (
        "import sys, os, pathlib\n"
        "from energybench.store.writer import RunWriter\n"
        "from tests.store.filled_runs import fill, header\n"
        "writer = RunWriter(pathlib.Path(sys.argv[1]), header()).__enter__()\n"
        "fill(writer); writer._log().flush(); os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(layout.PARTIAL)
    directory, measured = reader.recover(str(tmp_path), ranges())
    assert "recovered" in {doubt.code for doubt in measured.doubts}
    assert directory.parent == tmp_path


@pytest.mark.parametrize("elsewhere", [{"boot_id": "another-boot"}, {"boot_id": None}])
def test_a_run_of_another_host_has_to_be_quiet(
    tmp_path: Path, elsewhere: dict[str, object]
) -> None:
    """Locks of some file systems do not reach other hosts: the files must have been still for a
    minute.
    """
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        left = writer.directory
    path = left / layout.HEADER
    path.write_text(pretty(edited(path, **elsewhere)))
    with pytest.raises(BadInput, match="may be alive"):
        reader.recover(str(left), ranges())
    for file in left.iterdir():
        os.utime(file, (1.0, 1.0))
    reader.recover(str(left), ranges())


def edited(path: Path, **changes: object) -> Header:
    return msgspec.structs.replace(read_header(path.parent), **changes)


def test_two_commands_do_not_measure_one_study(tmp_path: Path) -> None:
    """The second is refused while the first has the directory, and a run that is being written is
    not tidied away.
    """
    first = StudyStore(tmp_path / "study")
    with pytest.raises(BadInput, match="still being measured"):
        StudyStore(tmp_path / "study")
    with RunWriter(first.runs, header()) as writer:
        with pytest.raises(BadInput, match="still being measured"):
            first.tidy(set())
        assert writer.directory.is_dir()
    first.tidy(set())
    assert not list(first.runs.iterdir())
    (first.runs / "kept").mkdir()
    first.discard_if_empty()
    (first.runs / "kept").rmdir()
    second = StudyStore(tmp_path / "study")
    second.discard_if_empty()
    assert not (tmp_path / "study").exists()


def test_a_thousand_starts_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets a directory of its own, although the random part here has a single digit left."""
    draws = iter(range(10**6))
    monkeypatch.setattr(layout.secrets, "token_hex", lambda n: f"{next(draws) // 3:0{2 * n}x}")
    stated = header(id="2026-01-01T00-00-00Z_x_00000000")

    def begin(_: int) -> str:
        with RunWriter(tmp_path, stated) as writer:
            return writer.directory.name

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(begin, range(200)))
    assert len(set(names)) == 200


def test_a_finished_run_is_not_replaced(tmp_path: Path) -> None:
    """Neither by the id of a run that is there already, nor by an attached meter's."""
    stated = header(id="2026-01-01T00-00-00Z_x_0123abcd")
    ids = set()
    for _ in range(3):
        with RunWriter(tmp_path, stated) as writer:
            fill(writer)
            ids.add(writer.finish(ranges())[0].name)
    assert len(ids) == 3
    attached = header(id="2026-01-01T00-00-00Z_x_0123abcd_attached")
    with RunWriter(tmp_path, attached), pytest.raises(BadInput, match="exists already"):
        RunWriter(tmp_path, attached).__enter__()


@pytest.mark.parametrize("label", ["\U0001f600" * 80, "caf\udce9 au lait", "a/b\0c", "." * 300])
def test_labels_of_any_characters(tmp_path: Path, label: str) -> None:
    """Long names in four-byte letters, bytes that are not UTF-8: the run is written and read."""
    stated = header(id=layout.new_id(label), label=label, command=("cat", "caf\udce9.txt"))
    with RunWriter(tmp_path, stated) as writer:
        fill(writer)
        final, _ = writer.finish(ranges())
    measured = reader.read_run(final)
    assert measured.command == ("cat", "caf\\xe9.txt")
    assert len(final.name.encode()) < 200
    reader.read_traces(final)


def test_a_store_whose_name_is_not_utf8(tmp_path: Path) -> None:
    """Every file of a run is written and read."""
    store = tmp_path / "r\udce9"
    with RunWriter(store, header()) as writer:
        fill(writer)
        final, _ = writer.finish(ranges())
    assert reader.measurement("latest", store)[0] == final
    reader.read_traces(final)


def test_a_store_that_is_renamed_or_removed_in_mid_run(tmp_path: Path) -> None:
    """The run is finished where it is now; a removed one is said to be removed."""
    with RunWriter(tmp_path / "old", header()) as writer:
        fill(writer)
        (tmp_path / "old").rename(tmp_path / "new")
        final, _ = writer.finish(ranges())
    assert final.parent == tmp_path / "new"
    with RunWriter(tmp_path / "new", header()) as writer:
        fill(writer)
        for path in writer.directory.iterdir():
            path.unlink()
        writer.directory.rmdir()
        with pytest.raises(StorageFailed, match="was removed during the run"):
            writer.finish(ranges())


def test_a_failed_write_names_file_and_recover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files so far stay, and with space again `recover` completes the run."""
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        left = writer.directory
        (left / f".{layout.PARQUET}.{os.getpid()}.new").mkdir()  # no file can be written there
        with pytest.raises(StorageFailed, match=r"samples\.parquet.*energybench recover"):
            writer.finish(ranges())
    (left / f".{layout.PARQUET}.{os.getpid()}.new").rmdir()
    reader.recover(str(left), ranges())
