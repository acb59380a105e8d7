"""Names of attached meters: a stated name is one meter, the name of a file is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from energybench.analysis.comparison.compare import compare
from energybench.model import Estimate
from energybench.store import reader
from tests.cli.metered_runs import Run, attach, copied, energybench, meter, node_j, toml

LIMIT, OFF = "3%", 0.021  # limit of error of the meters as stated, and their true errors


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two nodes of the same power, each measured once."""
    runs = []
    for name in ("n1", "n2"):
        folder = tmp_path_factory.mktemp(name)
        replay = toml(folder / "node.toml", 1.0)
        replay.write_text(replay.read_text("utf-8").replace('name = "n1"', f'name = "{name}"'))
        ran = energybench("measure", "--replay", str(replay), "--json", cwd=folder)
        assert ran.code == 0, ran.err
        runs.append(Run(folder, ran.json["id"]))
    return runs[0], runs[1]


def one_outlet(file: Path, outlet: int) -> Path:
    """The meter's rows as those of an outlet, beside rows of an idle outlet."""
    lines = ["time,outlet,power_w"]
    for line in file.read_text("utf-8").splitlines()[1:]:
        time, watts = line.split(",")
        lines += [f"{time},{outlet},{watts}", f"{time},1,5.0"]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def ratio(pair: tuple[Run, Run], folder: Path, *stated: tuple[str, ...]) -> Estimate:
    """Energy ratio of two runs by files of one name, of which the first shows 2.1 % too much and
    the second 2.1 % too little.

    stated  options of each of the two
    """
    sides = []
    for i, (run, off, options) in enumerate(zip(pair, (1 + OFF, 1 - OFF), stated, strict=True)):
        copy = copied(run, folder / str(i))
        file = meter(copy.folder / "m.csv", lambda t, off=off: off * node_j(t))
        outlet = next((word for word in options if word.startswith("outlet=")), None)
        if outlet is not None:
            one_outlet(file, int(outlet.partition("=")[2]))
        ran = attach(copy, file, "--accuracy", LIMIT, *options)
        assert ran.code == 0, ran.err
        sides.append(replace(reader.read_run(copy.attached()), id=str(i)))
    energy_ratio = compare(*sides).energy_ratio
    assert energy_ratio is not None
    return energy_ratio


def test_files_of_one_name_on_two_nodes_are_two_meters(
    nodes: tuple[Run, Run], tmp_path: Path
) -> None:
    """Each node has a meter of its own whose file is called m.csv: nothing cancels, and the truth,
    1, lies in the interval.
    """
    unnamed = ratio(nodes, tmp_path, (), ())
    assert abs(unnamed.value - 1) > 0.04
    assert unnamed.low <= 1 <= unnamed.high


def test_a_stated_name_is_one_meter_on_two_nodes(nodes: tuple[Run, Run], tmp_path: Path) -> None:
    """One name on both nodes stands for one meter, whose error cancels in the ratio."""
    named = ratio(nodes, tmp_path, ("--name", "pdu"), ("--name", "pdu"))
    assert named.half_width < 0.02


def test_two_outlets_of_one_file_are_two_meters(nodes: tuple[Run, Run], tmp_path: Path) -> None:
    """A node was moved from outlet 7 to outlet 8, each with its own meter."""
    options = (("--select", "outlet=7"), ("--select", "outlet=8"))
    moved = ratio((nodes[0], nodes[0]), tmp_path, *options)
    assert abs(moved.value - 1) > 0.04
    assert moved.low <= 1 <= moved.high
    (tmp_path / "stayed").mkdir()
    stayed = ratio((nodes[0], nodes[0]), tmp_path / "stayed", options[0], options[0])
    assert stayed.half_width < 0.02
