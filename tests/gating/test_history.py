"""Files of records, and the history of a folder."""

from __future__ import annotations

import json
import multiprocessing
import warnings
from pathlib import Path

import msgspec
import pytest

from energybench.errors import BadInput, StorageFailed, UnknownFields
from energybench.gating.history import History
from energybench.gating.record_files import read_session, write_session
from energybench.gating.records import Record, Session
from tests.gating.samples import processes, sample


def session(number: int, *records: Record) -> Session:
    return Session(
        session=f"s{number}",
        time_utc=f"2026-01-{number:02d}T10:00:00.000+00:00",
        tests=records or (sample(),),
    )


def test_a_session_survives_its_file(tmp_path: Path) -> None:
    written = session(1, sample(), sample(gpu_w=(300.0,)))
    write_session(written, tmp_path / "a.json")
    assert read_session(tmp_path / "a.json") == written


def test_a_single_record_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(msgspec.json.encode(sample()))
    assert read_session(tmp_path / "one.json").tests == (sample(),)


def test_fields_of_a_later_version_are_passed_over_with_one_warning(tmp_path: Path) -> None:
    """In the session, in both of its records, and in the host of each."""
    value = msgspec.to_builtins(session(1, sample(), sample()))
    value["runner"] = "x"
    for test in value["tests"]:
        test["carbon_g"] = 1.0
        test["host"]["rack"] = 3
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.warns(UnknownFields) as notes:
        read = read_session(tmp_path / "a.json")
    assert read == session(1, sample(), sample())
    assert len(notes) == 1
    assert set(notes[0].message.fields) == {  # type: ignore[union-attr]
        "runner",
        "tests[].carbon_g",
        "tests[].host.rack",
    }


def test_a_history_tells_of_later_fields_and_warns_of_none(tmp_path: Path) -> None:
    """The reader of a history may run inside a test, in whose name Python would warn."""
    history = History(tmp_path)
    for number in (1, 2):
        path = history.add(session(number))
        value = json.loads(path.read_text())
        value["tests"][0]["host"]["rack"] = value["runner"] = 3
        path.write_text(json.dumps(value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(history.of(sample().name)) == 2
    merged = UnknownFields.of_all(history.later_fields)
    assert merged is not None
    assert len(merged.places) == 2
    assert set(merged.fields) == {"runner", "tests[].host.rack"}


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Fields that are added later have defaults: the name and the schema are enough."""
    value = {"schema": "energybench-ci/1", "name": "t", "energy_j": [1.0, 0.9, 1.1]}
    (tmp_path / "a.json").write_text(json.dumps(value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (old,) = read_session(tmp_path / "a.json").tests
    assert (old.name, old.energy_j, old.windows_j) == ("t", (1.0, 0.9, 1.1), {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ('{"schema": "energybench-ci/1", "te', "is not JSON at line 1"),
        ("[]", "holds no records of energies"),
        ("{}", "holds no records of energies"),
        ('{"schema": "energybench/1", "kind": "measurement"}', "holds no records of energies"),
        ('{"schema": "energybench-ci/2", "tests": []}', "'energybench-ci/2' is not"),
        ('{"schema": "energybench-ci/1", "tests": []}', "holds no energy of any test"),
        ('{"schema": "energybench-ci/1", "name": "t"}', "holds no energy of any test"),
        ('{"benchmarks": [{"fullname": "a", "extra_info": {}}]}', "holds no energy of any test"),
        ('{"benchmarks": []}', "holds no energy of any test"),
        ('{"schema": "energybench-ci/1", "tests": [{"name": 3}]}', "expected `str`"),
        ('{"schema": "energybench-ci/1", "name": "t", "energy_j": [1, NaN, 2]}', "NaN"),
        (
            '{"schema": "energybench-ci/1", "name": "t", "energy_j": [1.0, 1.0, 1.0], '
            '"windows_j": {"cpu.package": [1.0]}}',
            "another length than iterations",
        ),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(BadInput, match=r"a\.json") as refusal:
        read_session(tmp_path / "a.json")
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_sessions_come_back_in_the_order_of_their_times(tmp_path: Path) -> None:
    history = History(tmp_path / "store")
    for number, some in zip((2, 1, 3), processes(3, 1), strict=True):
        history.add(session(number, some))
    assert [one.session for one in History(tmp_path / "store").sessions()] == ["s1", "s2", "s3"]
    assert [one.session for one in history.sessions(2)] == ["s2", "s3"]


def test_a_test_is_found_in_the_sessions_that_have_it(tmp_path: Path) -> None:
    history = History(tmp_path)
    other = msgspec.structs.replace(sample(), name="other")
    history.add(session(1, sample()))
    history.add(session(2, other))
    history.add(session(3, sample(), other))
    assert [len(history.of(name)) for name in (sample().name, "other", "none")] == [2, 2, 0]
    assert len(history.of("other", 1)) == 1


def test_a_new_session_is_seen(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.of(sample().name) == ()
    history.add(session(1))
    assert len(history.of(sample().name)) == 1


def test_a_broken_file_costs_its_session_only(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(session(1))
    broken = history.add(session(2))
    broken.write_text('{"schema": "ener')
    assert [one.session for one in history.sessions()] == ["s1"]
    (fault,) = history.faults
    assert broken.name in str(fault)


def test_a_session_without_energy_is_not_saved(tmp_path: Path) -> None:
    empty = msgspec.structs.replace(sample(), energy_j=None, windows_j={}, iterations=())
    with pytest.raises(BadInput, match="holds no energy"):
        History(tmp_path).add(session(1, empty))
    assert list(tmp_path.rglob("*.json")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        History(tmp_path / "file").add(session(1))


def _add(folder: Path, number: int) -> None:
    history = History(folder)
    for i in range(10):
        # one time stamp for all: the sessions differ in their names alone
        history.add(
            Session(session=f"{number}-{i}", time_utc="2026-01-01T00:00:00Z", tests=(sample(),))
        )


def test_writers_at_one_time_lose_no_session(tmp_path: Path) -> None:
    """Two jobs that share a folder, in the same second."""
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_add, args=(tmp_path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    history = History(tmp_path)
    assert len({one.session for one in history.sessions(50)}) == 20
    assert history.faults == ()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".json"] == []
