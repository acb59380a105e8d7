"""Files that are no files, numbers beyond all measure, foreign text: one line each, and an end."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from energybench.cli.main import main
from energybench.errors import BadInput
from energybench.registry import load, registered
from energybench.store import reader
from energybench.store.run import pretty
from energybench_workloads.trainings import check_checkpoint

pytestmark = pytest.mark.xdist_group("hostile_inputs")  # one run, which the module's tests share
_CORPUS = Path(__file__).parents[2] / "benchmarks/fuzzing/corpus.py"


def replay_text() -> str:
    """A replay of five virtual seconds, as the fuzzer's."""
    spec = importlib.util.spec_from_file_location("fuzzing_corpus", _CORPUS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.REPLAY.format(label="one", watts=240.0))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "one.toml").write_text(replay_text())
    assert main(["measure", "--replay", str(folder / "one.toml"), "--out", str(folder / "r")]) == 0
    (run,) = (folder / "r").iterdir()
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(finished, tmp_path / "store" / finished.name))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a mistake."""
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    (line,) = err.splitlines()
    assert len(line) < 1400
    assert line.isprintable()
    return line


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
@pytest.mark.parametrize(
    "command", ["measure --replay", "project --scenario example-centre", "project --scenario"]
)
def test_inputs_that_are_no_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, command: str
) -> None:
    """A FIFO, a device, a folder: refused before a byte is read."""
    path = tmp_path / "input.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    line = refused(capsys, *command.split(), str(path))
    assert "input.toml" in line
    assert {"fifo": "pipe", "device": "device", "folder": "folder"}[kind] in line


@pytest.mark.parametrize("name", ["run.json", "samples.parquet"])
def test_a_run_whose_file_is_a_fifo(
    run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Every file of a run directory is asked whether it is one."""
    (run / name).unlink()
    os.mkfifo(run / name)
    refused(capsys, "measure", "--replay", str(run), "--out", str(run.parent / "out"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[3.4, 4.8]]", "[3.4, inf]]"),
        ("[3.4, 4.8]]", "[3.4, 1e300]]"),
        ("[3.4, 4.8]]", "[3.4, nan]]"),
        ("[3.4, 4.8]]", "[3.4, 1e9]]"),
        ("wrap = 262143328911", "wrap = " + "9" * 5000),
        ("outages = [[2.0, 2.2]]", "sample_period_s = 1e-300"),
        ("phase_s", "phase_s"),
    ],
)
def test_replays_that_would_not_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    """Times without an end, and numbers without an end of digits."""
    text = replay_text().replace(old, new)
    if old == "phase_s":
        text = text.replace("window_s = 0.025", "window_s = 0.025\nphase_s = -1e18")
    (tmp_path / "r.toml").write_text(text)
    refused(capsys, "measure", "--replay", str(tmp_path / "r.toml"), "--out", str(tmp_path / "o"))


@pytest.mark.parametrize("time_s", [float("inf"), float("nan"), -1e9, 1e308, -1e300])
def test_samples_at_times_that_no_run_has(
    run: Path, capsys: pytest.CaptureFixture[str], time_s: float
) -> None:
    """The virtual clock would walk there in steps of a tenth of a second."""
    table = pq.read_table(run / "samples.parquet")
    times = table["t_s"].to_pylist()
    times[3] = time_s
    changed = table.set_column(0, table.schema.field("t_s"), pa.array(times, pa.float64()))
    pq.write_table(changed, run / "samples.parquet")
    refused(capsys, "measure", "--replay", str(run), "--out", str(run.parent / "out"))


@pytest.mark.parametrize("damage", ["text column", "header"])
def test_samples_of_another_shape(
    run: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """A column of text, and a header that is not UTF-8."""
    table = pq.read_table(run / "samples.parquet")
    if damage == "header":
        table = table.replace_schema_metadata({"energybench": b"\xff\xfe{}"})
    else:
        words = pa.array([str(value) for value in table["raw"].to_pylist()])
        table = table.set_column(2, "raw", words)
    pq.write_table(table, run / "samples.parquet")
    refused(capsys, "measure", "--replay", str(run), "--out", str(run.parent / "out"))


def test_what_is_no_regular_file_is_not_replaced(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint and a report keep away from devices and FIFOs."""
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/null"):
        with pytest.raises(BadInput, match="not a regular file"):
            check_checkpoint(path)
        refused(capsys, "report", str(run), "--format", "markdown", "--out", path)
    check_checkpoint(str(tmp_path / "new"))


@pytest.mark.parametrize("command", ["grade", "report", "compare"])
def test_foreign_text_has_one_row(
    run: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A label cannot colour the terminal nor print a verdict of its own."""
    label = "x\x1b[31m\x07\n# INJ verdict: better\u202e"
    measured = reader.read_run(run)
    changed = pretty(measured).replace('"label": "one"', f'"label": {pretty(label).strip()}')
    (run / "run.json").write_text(changed)
    capsys.readouterr()
    assert main([command, str(run), *([str(run)] if command == "compare" else [])]) == 0
    out, _ = capsys.readouterr()
    assert "INJ" in out
    assert not any(line.startswith("# INJ") for line in out.split("\n"))
    assert all(line.replace("\u202f", "").isprintable() for line in out.split("\n"))


def test_an_error_line_leaves_out_the_middle_of_long_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a word, of a quoted value, and of words one after the other."""
    for value in ("x" * 5000, "ab " * 2000, "'" + "y z" * 900 + "'"):
        line = refused(capsys, "compare", value, value, "--store", str(tmp_path))
        assert "…" in line
        assert len(line) < 700


def test_reports_that_draw_nothing_read_no_samples(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of many runs the overview has all, and the other sections the first twelve."""
    for i in range(60):
        (run.parent / f"copy{i:02}").mkdir()
        text = (run / "run.json").read_text().replace(run.name, f"copy{i:02}")
        (run.parent / f"copy{i:02}" / "run.json").write_text(text)
    (run / "samples.parquet").unlink()
    for form in ("terminal", "markdown", "json"):
        capsys.readouterr()
        assert main(["report", str(run.parent), "--format", form]) == 0
        out, _ = capsys.readouterr()
        assert "is not shown" not in out
        if form != "json":
            assert "12 of 61 results are shown in full" in " ".join(out.split())
            assert "one (61)" in out
        assert out.count("copy59") == (1 if form == "json" else 0)


def test_every_format_without_charts_of_power_reads_no_samples(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each registered format that says so is written from a run whose samples are gone, into a
    file or into a folder of files.
    """
    (run / "samples.parquet").unlink()
    for name in registered("reports"):
        if getattr(load("reports", name), "timelines", True):
            continue
        capsys.readouterr()
        out = tmp_path / f"of-{name}"
        assert main(["report", str(run), "--format", name, "--out", str(out)]) == 0
        assert capsys.readouterr().err.startswith(f"written to {out}")
        files = list(out.iterdir()) if out.is_dir() else [out]
        assert all("is not shown" not in file.read_text("utf-8") for file in files)
