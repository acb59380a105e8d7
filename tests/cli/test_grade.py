"""`energybench grade` at the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.process import REPLAYS, in_process, one_line

pytestmark = pytest.mark.xdist_group("grade")  # the fixtures are made once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one replayed run of a CPU node, whose shortest repeat is just under a minute."""
    store = tmp_path_factory.mktemp("grade")
    ran = in_process(
        "measure", "--replay", str(REPLAYS / "cpu-node.toml"), "--label", "cpu", cwd=store
    )
    assert ran.code == 0
    return store


def test_prints_every_aspect_and_no_level(folder: Path) -> None:
    """Three books, three levels, every aspect with figure and rule; no level for a machine of
    unknown size.
    """
    ran = in_process("grade", "latest", cwd=folder)
    assert ran.code == 0
    assert "EE HPC WG: no grade is given" in ran.out
    assert "2.0 RC 1.0" in ran.out
    for words in (
        "level 1, 1 granularity",
        "level 2, 2 machine fraction",
        "level 3, 4 point and accuracy",
        "MLPerf® Training power",
        "MLPerf® Inference power",
    ):
        assert words in ran.out
    assert "core phase of at least 60 s: shortest repeat 59.8 s" in ran.out
    assert max(len(line) for line in ran.out.splitlines()) <= 120


def test_json_is_one_document(folder: Path) -> None:
    """--json prints one document of kind grade, and --machine-nodes makes the fraction known."""
    document = in_process("grade", "latest", "--machine-nodes", "5860", "--json", cwd=folder).json
    assert [document[key] for key in ("schema", "kind", "label")] == [
        "energybench/1",
        "grade",
        "cpu",
    ]
    assert document["books"][0]["gives"] == "no level"
    assert {
        check["result"]
        for book in document["books"]
        for aspect in book["aspects"]
        for check in aspect["checks"]
    } <= {"pass", "fail", "unknown"}


def test_the_summary_names_what_widens_the_interval(folder: Path) -> None:
    """A measurement's text says which effect to work on, by how much, and how."""
    ran = in_process(
        "measure", "--replay", str(REPLAYS / "gpu-node.toml"), "--label", "gpu", cwd=folder
    )
    line = next(line for line in ran.err.splitlines() if "widest part of the interval" in line)
    assert "of the variance; without it ±" in line
    assert " → " in line


def test_a_repeated_doubt_is_shortened(tmp_path: Path) -> None:
    """A second doubt of the same kind is shortened, and its remedy is not repeated."""
    for label in ("cpu", "gpu"):
        assert (
            in_process(
                "measure",
                "--replay",
                str(REPLAYS / f"{label}-node.toml"),
                "--label",
                label,
                cwd=tmp_path,
            ).code
            == 0
        )
    ran = in_process("compare", "_cpu_", "_gpu_", cwd=tmp_path)
    replayed = [line for line in ran.out.splitlines() if "doubt [replayed]" in line]
    assert len(replayed) == 2
    assert replayed[0].endswith("→ measure it on the machine")
    assert replayed[1].endswith("… → as above")


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_series_of_a_submission(folder: Path, tmp_path: Path) -> None:
    """Ten equal averages of each repeat, whose energy is that of the repeats; idle power; every
    raw reading of every channel; and the stamp of a recording.
    """
    out = tmp_path / "series"
    ran = in_process("grade", "_cpu_", "--series", str(out), cwd=folder)
    assert ran.code == 0, ran.err
    (run,) = (folder / "results").glob("*_cpu_*")
    result = json.loads((run / "run.json").read_text())
    averages = table_of(out / "averages.csv")
    assert [(row["repeat"], row["average"]) for row in averages] == [
        (str(repeat), str(place)) for repeat in range(1, 9) for place in range(1, 11)
    ]
    for number, repeat in enumerate(result["repeats"], 1):
        rows = [row for row in averages if row["repeat"] == str(number)]
        lengths = [float(row["end_s"]) - float(row["start_s"]) for row in rows]
        assert max(lengths) - min(lengths) < 1e-6
        assert float(rows[0]["start_s"]) == repeat["start_s"]
        assert float(rows[-1]["end_s"]) == repeat["end_s"]
        joules = sum(
            float(row["power_w"]) * length for row, length in zip(rows, lengths, strict=True)
        )
        assert joules == pytest.approx(repeat["energy_j"], rel=1e-3)
        assert all(
            float(row["low_w"]) < float(row["power_w"]) < float(row["high_w"]) for row in rows
        )
    summary = table_of(out / "summary.csv")
    values = {row["quantity"]: row for row in summary}
    assert float(values["mean power"]["value"]) == result["power_w"]["value"]
    assert float(values["highest power over 1 s"]["value"]) == result["highest_power_w"]["value"]
    assert any(row["quantity"] == "idle power" and row["value"] for row in summary)
    assert values["stamp"]["of"].startswith("replayed")
    channels = table_of(out / "channels.csv")
    assert len(channels) == len(result["channels"])
    for row, channel in zip(channels, result["channels"], strict=True):
        readings = table_of(out / row["file"])
        assert row["device"] == channel["device"]
        assert sum(reading["counts"] != "" for reading in readings) == channel["samples"]
        last = readings[-1]
        assert float(last["J"]) == pytest.approx(int(last["counts"]) * float(row["resolution"]))


def test_series_with_more_averages(folder: Path, tmp_path: Path) -> None:
    ran = in_process(
        "grade", "_cpu_", "--series", str(tmp_path / "s"), "--averages", "20", cwd=folder
    )
    assert ran.code == 0
    assert len(table_of(tmp_path / "s" / "averages.csv")) == 20 * 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--series", "s", "--averages", "5000"), "shorter than the 0.1 s between two readings"),
        (("--series", "s", "--averages", "9"), "--averages"),
        (("--series", "none/s"), "there is no folder none"),
        (("--series", "file"), "--series file: is a file"),
    ],
)
def test_series_that_cannot_be_written(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "file").write_text("x")
    assert words in one_line(in_process("grade", "_cpu_", *arguments, cwd=folder))


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", "nowhere"),
        ("grade", ""),
        ("grade",),
        ("grade", "latest", "--machine-nodes", "0"),
        ("grade", "latest", "--machine-nodes", "many"),
    ],
)
def test_mistakes_are_one_line(folder: Path, arguments: tuple[str, ...]) -> None:
    """A missing run, or a machine without nodes, is one line."""
    one_line(in_process(*arguments, cwd=folder))
