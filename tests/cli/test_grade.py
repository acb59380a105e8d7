"""`energybench grade` at the command line."""

from __future__ import annotations

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
