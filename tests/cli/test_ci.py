"""`energybench ci compare` and `energybench ci-summary`."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from energybench.gating.history import History
from energybench.gating.record_files import write_session
from energybench.gating.records import Session
from tests.cli.process import REPLAYS, in_process
from tests.gating.samples import record_of, rounds

FOREIGN = 'tests/a.py::test_x[|<b>`"\\\n\x1b[31m]'


def session_file(path: Path, factor: float, session: str, *names: str) -> str:
    tests = tuple(
        record_of(rounds(factor, seed=i), name=name, session=session)
        for i, name in enumerate(names or ("test_fft",))
    )
    write_session(Session(session=session, tests=tests), path)
    return str(path)


def history_folder(folder: Path, k: int = 5) -> str:
    history = History(folder)
    for i, level in enumerate(rounds(1.0, 0.01, k)):
        record = record_of(rounds(level), session=f"h{i}")
        time_utc = f"2026-11-{i + 1:02}T05:00:00Z"
        history.add(Session(session=f"h{i}", time_utc=time_utc, tests=(record,)))
    return str(folder)


@pytest.mark.parametrize(
    ("factor", "options", "code", "words"),
    [
        (1.03, (), 0, "1 test: 1 inconclusive"),
        (1.2, (), 0, "regressed"),
        (1.2, ("--fail-on-saved-run",), 1, "1 test: 1 regressed"),
        (1.2, ("--fail-on-saved-run", "--threshold", "30%"), 0, "no regression over 30 %"),
        (0.7, (), 0, "1 test: 1 improved"),
        (1.0, ("--between-runs", "0.5%"), 0, "no regression over 5 %"),
    ],
)
def test_two_files(
    factor: float, options: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    """A single saved run warns unless it is asked to fail."""
    sides = [
        session_file(tmp_path / f"{name}.json", level, name)
        for name, level in (("a", 1.0), ("b", factor))
    ]
    ran = in_process("ci", "compare", *sides, *options, cwd=tmp_path)
    assert (ran.code, ran.err) == (code, "")
    assert words in ran.out


def test_a_history_fails(tmp_path: Path) -> None:
    """Five sessions are evidence enough for exit code 1; the JSON holds the verdicts."""
    folder = history_folder(tmp_path / "history")
    worse = session_file(tmp_path / "b.json", 1.2, "now")
    ran = in_process("ci", "compare", folder, worse, "--json", cwd=tmp_path)
    assert ran.code == 1
    (verdict,) = ran.json
    assert (verdict["outcome"], verdict["evidence"]) == ("regressed", "history")
    same = session_file(tmp_path / "c.json", 1.0, "now")
    assert in_process("ci", "compare", folder, same, cwd=tmp_path).code == 0


def test_new_and_gone_tests(tmp_path: Path) -> None:
    """A test without a baseline is no failure; a test that is gone is counted."""
    before = session_file(tmp_path / "a.json", 1.0, "a", "kept", "gone")
    now = session_file(tmp_path / "b.json", 1.0, "b", "kept", "new")
    ran = in_process("ci", "compare", before, now, cwd=tmp_path)
    assert ran.code == 0
    assert "new: no baseline" in ran.out
    assert ran.out.splitlines()[-1].endswith("1 only in the baseline")


def test_a_file_against_itself(tmp_path: Path) -> None:
    """A gate that could never fail is a mistake, also with a copy of the file; a history that holds
    no session but this one has only begun, and is none.
    """
    path = session_file(tmp_path / "a.json", 1.0, "a")
    copy = tmp_path / "copy.json"
    copy.write_bytes(Path(path).read_bytes())
    for candidate in (path, str(copy)):
        ran = in_process("ci", "compare", path, candidate, cwd=tmp_path)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert "hold the same session" in ran.err
    begun = str(tmp_path / "begun")
    History(tmp_path / "begun").add(Session(session="s1", tests=(record_of(rounds()),)))
    ran = in_process("ci", "compare", begun, begun, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert "the only saved session is the session of this very run" in ran.out


def test_stores_of_runs(tmp_path: Path) -> None:
    """Runs of two stores are matched by their labels."""
    replay = str(REPLAYS / "cpu-node.toml")
    for store in ("a", "b"):
        words = ("measure", "--replay", replay, "--label", "lbl", "--out", store)
        assert in_process(*words, cwd=tmp_path).code == 0
    ran = in_process("ci", "compare", "a", "b", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert "lbl: no regression over 5 %: +0.0 %" in ran.out
    assert in_process(*words[:-1], "a", cwd=tmp_path).code == 0
    itself = in_process("ci", "compare", "a", "a", cwd=tmp_path)
    assert itself.code == 2
    assert "hold the same session" in itself.err


@pytest.mark.parametrize(
    "words",
    [
        ("missing.json", "b.json"),
        ("text.json", "b.json"),
        ("folder", "b.json"),
        ("a.json", "b.json"),  # no test in common
        ("b.json", "later.json"),
        ("b.json", "bare.json"),
        ("b.json", "b.json", "--threshold", "5"),
        ("b.json", "b.json", "--threshold", "-5%"),
        ("b.json", "b.json", "--threshold", "0%"),
        ("b.json", "b.json", "--threshold", "101%"),
        ("b.json", "b.json", "--between-runs", "2"),
        ("b.json",),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, and a line that names the file or the option."""
    (tmp_path / "text.json").write_text("no JSON")
    extra_info = {"later": {"energybench": '{"v": 99, "energy_j": [1, 1, 1]}'}, "bare": {}}
    for name, extra in extra_info.items():
        saved = {"benchmarks": [{"fullname": "test_fft", "extra_info": extra}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(saved))
    (tmp_path / "folder").mkdir()
    session_file(tmp_path / "a.json", 1.0, "a", "other")
    session_file(tmp_path / "b.json", 1.0, "b")
    ran = in_process("ci", "compare", *words, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


def test_a_later_version_is_announced_once(tmp_path: Path) -> None:
    """Two files with unknown fields: one line on stderr."""
    for name in ("a", "b"):
        content = msgspec.to_builtins(record_of(rounds(), session=name)) | {"spin": 1}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    ran = in_process("ci", "compare", "a.json", "b.json", cwd=tmp_path)
    assert ran.code == 0
    assert ran.err.count("\n") == 1
    assert "spin" in ran.err


def summary_of(tmp_path: Path, form: str) -> str:
    tests = (
        record_of(rounds(), name=FOREIGN, energy_j=(0.00125, 0.0012, 0.0013)),
        record_of([], name="test_none", energy_j=None, windows_j={}, quality=None, parts={}),
        record_of([], name="cut", energy_j=None, windows_j={}, quality=None, cut=True),
        record_of(rounds(), name="cut late", cut=True),
    )
    write_session(Session(session="s", tests=tests), tmp_path / "s.json")
    ran = in_process("ci-summary", "s.json", "--format", form, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def test_a_table_for_github(tmp_path: Path) -> None:
    """A name breaks neither the table nor the page; a test without energy is not 0 J. Of a run that
    was cut off, the table says why there is no energy, and shows no figure of its part.
    """
    text = summary_of(tmp_path, "github")
    row, other, *cut = text.splitlines()[4:]
    assert row.count("|") == 6
    assert "1.250 mJ [1.200, 1.300]" in row
    assert not set("<`\x1b") & set(row)
    assert "not measured" in other
    for name, line in zip(("cut", "cut late"), cut, strict=True):
        assert line == f"| {name} | not measured: the run ended before its work was done |  |  |  |"


def test_a_single_round_is_told_from_several(tmp_path: Path) -> None:
    """Its interval is without the scatter between rounds, which stands beside the number."""
    words = "1 (its interval holds no scatter between rounds)"
    for number, cell in ((1, words), (2, "2")):
        session = Session(session="s", tests=(record_of([1.0] * number),))
        write_session(session, tmp_path / "some.json")
        ran = in_process("ci-summary", "some.json", cwd=tmp_path)
        assert ran.out.splitlines()[-1].split(" | ")[2] == cell


def test_github_action_benchmark(tmp_path: Path) -> None:
    """customSmallerIsBetter: name, unit, value, and the interval as the range."""
    (entry,) = json.loads(summary_of(tmp_path, "action-benchmark"))
    assert entry["name"] == FOREIGN
    assert (entry["unit"], entry["value"]) == ("J", 0.00125)
    assert entry["range"] == "[0.0012, 0.0013]"
    assert entry["extra"] == "5 rounds, measured"
    write_session(Session(session="s", tests=(record_of([1.0]),)), tmp_path / "one.json")
    ran = in_process("ci-summary", "one.json", "--format", "action-benchmark", cwd=tmp_path)
    extra = json.loads(ran.out)[0]["extra"]
    assert extra == "1 round (its interval holds no scatter between rounds), measured"


def test_bencher(tmp_path: Path) -> None:
    """Bencher Metric Format: benchmark, measure, value with its bounds."""
    document = json.loads(summary_of(tmp_path, "bencher"))
    bounds = {"value": 0.00125, "lower_value": 0.0012, "upper_value": 0.0013}
    assert document == {FOREIGN: {"energy": bounds}}
    estimate = record_of(rounds(), quality="estimated")
    write_session(Session(session="s", tests=(estimate,)), tmp_path / "estimate.json")
    ran = in_process("ci-summary", "estimate.json", "--format", "bencher", cwd=tmp_path)
    assert list(json.loads(ran.out)["test_fft"]) == ["energy-estimated"]


def test_openmetrics(tmp_path: Path) -> None:
    """Names end with the unit, label values are escaped, and the text ends with # EOF."""
    lines = summary_of(tmp_path, "openmetrics").splitlines()
    assert lines[0] == "# TYPE energybench_test_energy_joules gauge"
    assert lines[-1] == "# EOF"
    samples = [line for line in lines if not line.startswith("#")]
    assert [line.rpartition(" ")[2] for line in samples] == ["0.00125", "0.0012", "0.0013"]
    assert r"[|<b>`\"\\\n" in samples[0]


def test_an_estimate_is_a_series_of_its_own(tmp_path: Path) -> None:
    """github-action-benchmark draws one series for a name."""
    estimate = record_of(rounds(), quality="estimated")
    write_session(Session(session="s", tests=(estimate,)), tmp_path / "estimate.json")
    ran = in_process("ci-summary", "estimate.json", "--format", "action-benchmark", cwd=tmp_path)
    assert [entry["name"] for entry in json.loads(ran.out)] == ["test_fft (estimated)"]


def test_a_tidy_table(tmp_path: Path) -> None:
    """A row for each quantity of a test; an energy that was not measured is empty, not 0."""
    rows = list(csv.DictReader(io.StringIO(summary_of(tmp_path, "csv"))))
    assert list(rows[0]) == ["test", "quantity", "value", "low", "high", "unit", "quality"]
    energies = [row for row in rows if row["quantity"] == "energy per iteration"]
    assert [row["value"] for row in energies] == ["0.00125", "", "", ""]
    assert (energies[0]["low"], energies[0]["high"]) == ("0.0012", "0.0013")
    assert {(row["unit"], row["quality"]) for row in energies[:1]} == {("J", "measured")}
    (part,) = [row for row in rows if row["quantity"].endswith(" of cpu.package")]
    assert float(part["value"]) == pytest.approx(1.0)
    (windows,) = [row for row in rows if row["quantity"] == "windows"]
    assert windows["value"] == "5"


def test_a_failure_by_saved_files_says_that_nothing_was_measured_again(tmp_path: Path) -> None:
    worse = session_file(tmp_path / "b.json", 1.2, "now")
    ran = in_process("ci", "compare", history_folder(tmp_path / "h"), worse, cwd=tmp_path)
    assert ran.code == 1
    assert "; a judgement of saved files: nothing was measured again" in ran.out.splitlines()[0]


def test_another_format(tmp_path: Path) -> None:
    """Refused with the list of formats."""
    session_file(tmp_path / "a.json", 1.0, "a")
    ran = in_process("ci-summary", "a.json", "--format", "tsv", cwd=tmp_path)
    assert ran.code == 2
    assert "openmetrics" in ran.err
