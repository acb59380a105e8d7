"""Run directories: written as samples come, read back whole, refused when they are not ours."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from energybench.cli.main import main
from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import CutBy, Host, Verification, Window, Work, WorkloadRef
from energybench.plugins import Reading
from energybench.store import layout, reader, samples
from energybench.store.layout import PARQUET, RUN, WINDOWS
from energybench.store.sample_log import SampleLog
from energybench.store.traces import StoredTraces
from energybench.store.writer import RunWriter
from tests.store.filled_runs import CHANNELS, fill, header


def test_a_run_is_renamed_into_place_and_reads_back(tmp_path: Path) -> None:
    """While it runs it is hidden; when done it holds run.json and samples.parquet, and every sample
    is there.
    """
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        assert writer.directory.name.startswith(layout.PARTIAL)
        final, measured = writer.finish(ranges())
    assert sorted(path.name for path in final.iterdir()) == [layout.RUN, layout.PARQUET]
    assert reader.read_run(final) == measured
    assert measured.components_j["cpu.package"].value == pytest.approx(100, rel=0.01)
    traces, windows = reader.read_traces(final)
    assert traces[0].channel == CHANNELS[0]
    assert traces[0].t_s.size == 30
    assert (~traces[0].ok).sum() == 1
    assert [window.label for window in windows] == ["repeat"]


def test_samples_survive_a_cut_anywhere(tmp_path: Path) -> None:
    """However much of the stream is missing, what comes back is a whole beginning of it."""
    log = SampleLog(tmp_path / "s.arrows")
    for i in range(100):
        log.append([Reading(i, i * 0.1)], 0.0, False, 0)
    log.close()
    complete = (tmp_path / "s.arrows").read_bytes()
    rows = []
    for cut in range(0, len(complete), max(1, len(complete) // 40)):
        (tmp_path / "cut.arrows").write_bytes(complete[:cut])
        (trace,) = StoredTraces(samples.read_stream(tmp_path / "cut.arrows"), CHANNELS)
        assert trace.raw.tolist() == list(range(trace.raw.size))
        rows.append(trace.raw.size)
    assert rows == sorted(rows)
    assert rows[-1] >= 50


def test_a_cut_run_is_recovered_to_its_last_sample(tmp_path: Path) -> None:
    """A repeat that was open ends at the last sample, with a doubt."""
    with RunWriter(tmp_path, header()) as writer:
        for i in range(31):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
        writer.opening("repeat", 1.0, 0)
        left = writer.directory
    with (left / layout.WINDOWS).open("ab") as file:
        file.write(b'{"window": {"label": "rep')  # cut off in the middle of a line
    directory, recovered = reader.recover(str(left), ranges())
    assert directory.parent == tmp_path
    assert not left.exists()
    assert recovered.time_s.value == pytest.approx(2.0, abs=0.11)
    assert recovered.doubts[0].code == "recovered"
    assert "cut-off" in {doubt.code for doubt in recovered.doubts}
    assert recovered.partial


@pytest.mark.parametrize(("asked", "of"), [(3, " of 3"), (None, "")])
@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_recovered_run_says_how_many_repeats_are_whole(
    tmp_path: Path, asked: int | None, of: str, whole: int
) -> None:
    """One of three repeats is another result than three of three."""
    with RunWriter(tmp_path, header(repeats=asked)) as writer:
        for i in range(80):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.001, False, 0)
        for k in range(whole):
            writer.opening("repeat", 1.0 + 2 * k, k)
            writer.window(Window(label="repeat", start_s=1.0 + 2 * k, end_s=2.0 + 2 * k, repeat=k))
        writer.opening("repeat", 1.0 + 2 * whole, whole)
    _, measured = reader.recover(str(tmp_path), ranges())
    (doubt,) = [doubt for doubt in measured.doubts if doubt.code == "recovered"]
    noun = "repeat" if (asked or whole) == 1 else "repeats"
    assert f"with {whole}{of} {noun} measured to the end" in doubt.message


def test_a_part_of_a_repeat_beside_whole_ones_is_no_repeat(tmp_path: Path) -> None:
    """Its work is not known: the whole ones keep their energy per work."""
    with RunWriter(tmp_path, header()) as writer:
        for i in range(41):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
        for k in range(2):
            writer.opening("repeat", 1.0 + k, k)
            writer.window(Window(label="repeat", start_s=1.0 + k, end_s=2.0 + k, repeat=k))
            writer.work(
                Work(amount=2.0, unit="solve", fingerprint="x", precision="equal-precision")
            )
        writer.opening("repeat", 3.0, 2)
        left = writer.directory
    _, recovered = reader.recover(str(left), ranges())
    assert len(recovered.repeats) == 2
    assert not recovered.partial
    assert recovered.energy_per_work_j is not None
    assert recovered.energy_per_work_j.value == pytest.approx(50, rel=0.02)
    (doubt,) = [doubt for doubt in recovered.doubts if doubt.code == "cut-off"]
    assert "left out of this result: 1 repeat, ended after 1 s" in doubt.message


@pytest.mark.parametrize("cut", ["signal", "program-killed", "no-end"])
def test_a_part_is_in_no_mean_of_a_programs_repeats(tmp_path: Path, cut: CutBy) -> None:
    """Three whole repeats of 100 J and a part of 20 J: the mean is 100 J of three repeats. The
    check of a repeat that a signal to the run ended says nothing about the whole ones.
    """
    with RunWriter(tmp_path, header()) as writer:
        for i in range(61):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
        for k in range(4):
            part = k == 2 if cut == "program-killed" else k == 3
            end_s = 1.2 + k if part else 2.0 + k
            writer.opening("repeat", 1.0 + k, k)
            writer.window(
                Window(
                    label="repeat",
                    start_s=1.0 + k,
                    end_s=end_s,
                    repeat=k,
                    cut=cut if part else None,
                )
            )
            value = 143.0 if part and cut != "no-end" else 0.0
            writer.verification(
                (Verification(quantity="exit", value=value, tolerance=0.0, passed=value == 0),)
            )
        final, measured = writer.finish(ranges())
    assert len(measured.repeats) == 3
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(100, rel=0.01)
    assert measured.time_s.value == pytest.approx(1.0)
    assert not measured.partial
    assert bool(measured.failed_checks) is (cut == "program-killed")
    assert "cut-off" in {doubt.code for doubt in measured.doubts}
    _, windows = reader.read_traces(final)
    assert [window.cut for window in windows].count(cut) == 1


def test_of_parts_alone_the_longest_is_the_result(tmp_path: Path) -> None:
    """No mean over parts: two programs that were killed make one part of a repeat."""
    with RunWriter(tmp_path, header()) as writer:
        for i in range(61):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
        for k, end_s in enumerate((2.5, 4.0)):
            window = Window(
                label="repeat", start_s=1.0 + 2 * k, end_s=end_s, repeat=k, cut="program-killed"
            )
            writer.window(window)
        _, measured = writer.finish(ranges())
    assert measured.partial
    assert [repeat.time_s for repeat in measured.repeats] == [1.5]
    assert measured.work is None


def test_a_repeat_that_did_not_state_its_work_before_the_kill_is_a_part(tmp_path: Path) -> None:
    """Its window was closed, and its work not yet written: nobody knows what it did."""
    workload = WorkloadRef(name="w", size="S", device="cpu")
    with RunWriter(tmp_path, header(workload=workload, command=None)) as writer:
        fill(writer, seconds=5.0)
        writer.opening("repeat", 3.0, 1)
        writer.window(Window(label="repeat", start_s=3.0, end_s=3.5, repeat=1))
        left = writer.directory
    _, recovered = reader.recover(str(left), ranges())
    assert len(recovered.repeats) == 1
    assert recovered.energy_per_work_j is not None
    assert recovered.work is not None


@pytest.mark.parametrize("field", ["message", "remedy"])
def test_a_doubt_without_words_is_refused(tmp_path: Path, field: str) -> None:
    """A file with an empty message or remedy is one line, not an empty doubt."""
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        final, measured = writer.finish(ranges())
    path = final / layout.RUN
    value = json.loads(path.read_text())
    value["doubts"][0][field] = " "
    path.write_text(json.dumps(value))
    with pytest.raises(BadInput, match=f"{measured.doubts[0].code} has an empty {field}"):
        reader.read_run(final)


def test_of_a_repeat_begun_anew_the_last_beginning_counts(tmp_path: Path) -> None:
    """A first repeat was too short and began once more. A run that was killed inside the second
    attempt has one repeat, which starts at the second beginning. A run that was killed after the
    second attempt keeps the finished repeat.
    """
    for done in (False, True):
        with RunWriter(tmp_path / str(done), header()) as writer:
            for i in range(31):
                writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
            writer.opening("repeat", 1.0, 0)
            writer.window(Window(label="warm-up", start_s=1.0, end_s=1.2))
            writer.opening("repeat", 1.5, 0)
            if done:
                writer.window(Window(label="repeat", start_s=1.5, end_s=2.5, repeat=0))
            left = writer.directory
        _, recovered = reader.recover(str(left), ranges())
        assert len(recovered.repeats) == 1
        assert recovered.time_s.value == pytest.approx(1.0 if done else 1.5, abs=0.11)
        assert ("cut-off" in {doubt.code for doubt in recovered.doubts}) is not done


def test_a_store_without_an_unfinished_run_is_no_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`recover` in a script that always calls it: one line, and exit code 0."""
    assert main(["recover", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing to recover" in err
    assert main(["recover", str(tmp_path / "missing")]) == 2


def test_nothing_to_recover(tmp_path: Path) -> None:
    """Cut off before the work began, or before a sample of the work; no such run: each said as what
    it is.
    """
    lefts = []
    for openings in ((), (("idle", None),), (("idle", None), ("repeat", 0)), (("repeat", 0),)):
        with RunWriter(tmp_path / str(len(lefts)), header(repeats=3)) as writer:
            writer.poll([Reading(1, 0.5)], 0.0, False, 0)
            for label, number in openings:
                writer.opening(label, 1.0, number)
            lefts.append(writer.directory)
    says = ["before the work began"] * 2 + ["in repeat 1 of 3, before the first sample"] * 2
    for left, words in zip(lefts, says, strict=True):
        with pytest.raises(BadInput, match=words):
            reader.recover(str(left), ranges())
        assert left.exists()
    with pytest.raises(BadInput, match="no such run"):
        reader.recover(str(tmp_path / "nosuch"), ranges())


def test_a_run_without_its_list_of_repeats_is_not_said_to_hold_none(tmp_path: Path) -> None:
    with RunWriter(tmp_path, header(repeats=3)) as writer:
        fill(writer)
        left = writer.directory
    (left / WINDOWS).unlink()
    with pytest.raises(BadInput, match=r"windows.jsonl, the list of its repeats, is missing"):
        reader.recover(str(left), ranges())
    assert left.exists()


def test_samples_of_another_run_are_refused(tmp_path: Path) -> None:
    """By the id in both files, if the start of the run or its repeats differ as well: a run that
    was renamed by hand keeps its own samples.
    """
    directories = []
    for name, started in (("a", "2026-03-01T10:00:00Z"), ("b", "2026-03-02T10:00:00Z")):
        host = Host(name="n", sockets=1, memory_bytes=10**9, started_utc=started, started_s=0.0)
        with RunWriter(tmp_path / name, header(label=name, host=host)) as writer:
            fill(writer)
            directories.append(writer.finish(ranges())[0])
    first, second = directories
    own = (first / PARQUET).read_bytes()
    shutil.copy(second / PARQUET, first / PARQUET)
    words = f"samples of the run {second.name}, and run.json beside it is of {first.name}"
    for read in (reader.read_samples, reader.read_traces):
        with pytest.raises(BadInput, match=re.escape(words)):
            read(first)
    (first / PARQUET).write_bytes(own)
    stored = json.loads((first / RUN).read_text("utf-8"))
    (first / RUN).write_text(json.dumps({**stored, "id": "renamed"}), "utf-8")
    assert len(reader.read_traces(first)[1]) == 1
    # another recording of the same anchor
    replayed = {"code": "replayed", "message": "the readings of x.toml", "remedy": "measure"}
    edited = {**stored, "id": "renamed", "doubts": [replayed]}
    (first / RUN).write_text(json.dumps(edited), "utf-8")
    with pytest.raises(BadInput, match="holds the samples of the run"):
        reader.read_samples(first)
    # other repeats of the same start
    stored["repeats"][0]["end_s"] += 0.5
    (first / RUN).write_text(json.dumps({**stored, "id": "renamed"}), "utf-8")
    with pytest.raises(BadInput, match="holds the samples of the run"):
        reader.read_samples(first)


@pytest.mark.parametrize(("planned", "of"), [(3, "1 of 3 repeats"), (None, "1 repeat")])
def test_a_recovered_run_states_how_many_repeats_are_whole(
    tmp_path: Path, planned: int | None, of: str
) -> None:
    """Of how many that were planned, where a number was planned."""
    with RunWriter(tmp_path, header(repeats=planned)) as writer:
        for i in range(41):
            writer.poll([Reading(int(100 * i * 0.1 * 1e6), i * 0.1)], 0.0, False, 0)
        writer.opening("repeat", 1.0, 0)
        writer.window(Window(label="repeat", start_s=1.0, end_s=2.0, repeat=0))
        writer.opening("repeat", 3.0, 1)
        left = writer.directory
    _, recovered = reader.recover(str(left), ranges())
    messages = {doubt.code: doubt.message for doubt in recovered.doubts}
    assert f"with {of} measured to the end" in messages["recovered"]


def test_ids_sort_by_time_and_are_safe_names() -> None:
    """Also two of one second, whatever their labels; no slash, no space, never two the same."""
    earlier = layout.new_id("z")
    while layout.id_time() == earlier[: len(layout.id_time())]:
        pass
    assert earlier < layout.new_id("a")
    ids = {layout.new_id("../a b/ü") for _ in range(50)}
    assert len(ids) == 50
    assert all("/" not in name and " " not in name and not name.startswith(".") for name in ids)


def test_find_by_id_part_and_latest(tmp_path: Path) -> None:
    """A path, a run.json, a part of an id, latest; several that fit are not guessed among."""
    directories = []
    for label in ("one", "two"):
        with RunWriter(
            tmp_path, header(id=f"2026-01-0{len(directories) + 1}T00-00-00Z_{label}_abcd")
        ) as writer:
            fill(writer)
            directories.append(writer.finish(ranges())[0])
    assert layout.find("one", tmp_path) == directories[0]
    assert layout.find("latest", tmp_path) == directories[1]
    assert layout.find(str(directories[0] / layout.RUN), tmp_path) == directories[0]
    with pytest.raises(BadInput, match="fits 2 runs"):
        layout.find("2026", tmp_path)
