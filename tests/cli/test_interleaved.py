"""`energybench run` with several variants or devices: blocks in a seeded random order, a run
directory each, pairs.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.plugin import install
from tests.cli.process import Ran, command, energybench, in_process, one_line, partial, until

pytestmark = pytest.mark.xdist_group("interleaved")  # one run, which the module's tests share

QUICK = ("--json", "--idle", "0", "--min-window", "0", "--max-warm-up", "1", "--settle", "0")
BOTH = ("--variant", "seconds=0.2", "--variant", "seconds=0.1")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("plugin"))


def run(tmp: Path, env: dict[str, str], *arguments: str) -> Ran:
    return energybench("run", "pause", *QUICK, *arguments, cwd=tmp, env=env)


def measured(document: Any) -> list[Any]:
    return [result for result in document["results"] if result["kind"] == "measurement"]


def order(runs: list[Any]) -> list[list[int]]:
    """Of each block, which variant came when."""
    times = sorted(
        (repeat["start_s"], repeat["block"], i)
        for i, outcome_json in enumerate(runs)
        for repeat in outcome_json["repeats"]
    )
    blocks: dict[int, list[int]] = {}
    for _, block, i in times:
        blocks.setdefault(block, []).append(i)
    return list(blocks.values())


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> tuple[Path, Any]:
    """Two variants in four blocks, with idle phases and a settle time."""
    folder = tmp_path_factory.mktemp("together")
    ran = run(
        folder, env, *BOTH, "--repeats", "4", "--seed", "7", "--idle", "0.3", "--settle", "0.2"
    )
    assert ran.code == 0, ran.err
    return folder, ran.json


def test_one_document_with_both_results_and_their_comparison(together: tuple[Path, Any]) -> None:
    """kind "document"; a comparison with the first variant by pairs; the speedup is that of the
    repeats.
    """
    folder, outcome_json = together
    assert (outcome_json["schema"], outcome_json["kind"]) == ("energybench/1", "document")
    assert [result["kind"] for result in outcome_json["results"]] == [
        "comparison",
        "measurement",
        "measurement",
    ]
    comparison, first, second = outcome_json["results"]
    assert (comparison["baseline"], comparison["candidate"]) == (first["id"], second["id"])
    assert comparison["paired"] == 4
    # by pairs: between the smallest and the largest ratio of a block
    seconds = [
        {repeat["block"]: repeat["end_s"] - repeat["start_s"] for repeat in result["repeats"]}
        for result in (first, second)
    ]
    assert all(length > 0.2 for length in seconds[0].values())
    ratios = [seconds[0][block] / seconds[1][block] for block in seconds[0]]
    assert 0.99 * min(ratios) < comparison["speedup"]["value"] < 1.01 * max(ratios)
    assert comparison["speedup"]["low"] <= comparison["speedup"]["value"]
    assert first["session"] == second["session"]
    assert "seed-7" in first["session"]
    assert sorted(path.name for path in (folder / "results").iterdir()) == sorted(
        [first["id"], second["id"]]
    )


def test_every_block_holds_every_variant_once_in_the_seed_s_order(
    together: tuple[Path, Any],
) -> None:
    """The order of each block is that of the seeded generator, and nothing overlaps."""
    runs = measured(together[1])
    drawn = random.Random(7)
    assert order(runs) == [drawn.sample([0, 1], 2) for _ in range(4)]
    spans = sorted(
        (repeat["start_s"], repeat["end_s"])
        for outcome_json in runs
        for repeat in outcome_json["repeats"]
    )
    assert all(later[0] - earlier[1] >= 0.2 for earlier, later in itertools.pairwise(spans))


def test_each_is_a_run_of_its_own(together: tuple[Path, Any], env: dict[str, str]) -> None:
    """Settings, idle phases, samples and doubts as of a run alone; that the other's memory was held
    is said; `compare` finds the pairs again.
    """
    folder, outcome_json = together
    runs = measured(outcome_json)
    assert [result["workload"]["settings"]["seconds"] for result in runs] == ["0.2", "0.1"]
    for result in runs:
        assert len(result["idles"]) == 2
        assert result["work"]["amount"] == 1
        codes = {doubt["code"] for doubt in result["doubts"]}
        assert "interleaved" in codes
        assert not codes & {"wrap-ambiguous", "sensor-lost", "counter-reset"}
        (message,) = [
            doubt["message"] for doubt in result["doubts"] if doubt["code"] == "interleaved"
        ]
        assert "1 other variant, which stayed in memory" in message
    again = in_process("compare", runs[0]["id"], runs[1]["id"], "--json", cwd=folder).json
    assert again["paired"] == 4
    assert again["speedup"] == outcome_json["results"][0]["speedup"]


def test_it_stops_by_the_pairs(tmp_path: Path, env: dict[str, str]) -> None:
    """Auto: 8 blocks where the ratio is steady; the limit, with a doubt, where it is not."""
    ran = run(tmp_path, env, *BOTH, "--target-rel", "0.9")
    assert [len(result["repeats"]) for result in measured(ran.json)] == [8, 8]
    wild = run(
        tmp_path,
        env,
        "--variant",
        "seconds=0.1",
        "--variant",
        "seconds=0.05,spread=1",
        "--target-rel",
        "0.0001",
        "--max-repeats",
        "3",
    ).json
    assert [len(result["repeats"]) for result in measured(wild)] == [3, 3]
    assert "target-missed" in {doubt["code"] for doubt in measured(wild)[1]["doubts"]}


def test_a_variant_that_fails_does_not_cost_the_others(tmp_path: Path, env: dict[str, str]) -> None:
    """A variant that fails in the second block keeps the first repeat. A variant that never starts
    is named in one line. The third variant is measured in all blocks. Exit code 1.
    """
    variants = ("seconds=0.6", "seconds=0.6,fail_at=3", "seconds=0.6,die_at=1")
    ran = run(
        tmp_path,
        env,
        *(part for variant in variants for part in ("--variant", variant)),
        "--repeats",
        "3",
    )
    assert ran.code == 1, ran.err
    complete, cut = measured(ran.json)
    assert (len(complete["repeats"]), len(cut["repeats"])) == (3, 1)
    assert "work-failed" in {doubt["code"] for doubt in cut["doubts"]}
    lines = [line for line in ran.err.splitlines() if line.startswith("energybench: ")]
    assert len(lines) == 1
    assert "signal 9" in lines[0]
    assert "Traceback" not in ran.err
    assert not [path for path in (tmp_path / "results").iterdir() if path.name.startswith(".")]


def test_ctrl_c_saves_all(tmp_path: Path, env: dict[str, str]) -> None:
    """Code 130, one document, every variant with the blocks that it had, no worker left behind."""
    import psutil

    ran = subprocess.Popen(
        command(
            "run",
            "pause",
            *QUICK,
            "--variant",
            "seconds=0.5",
            "--variant",
            "seconds=0.4",
            "--repeats",
            "50",
        ),
        cwd=tmp_path,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: partial(tmp_path, '"work":{', count=2))
    workers = psutil.Process(ran.pid).children()
    assert workers
    os.killpg(ran.pid, signal.SIGINT)
    out, err = ran.communicate(timeout=800)
    assert ran.returncode == 130, err
    assert "Traceback" not in err
    runs = measured(json.loads(out))
    assert len(runs) == 2
    for outcome_json in runs:
        assert 1 <= len(outcome_json["repeats"]) < 50
        assert "interrupted" in {doubt["code"] for doubt in outcome_json["doubts"]}
    assert not psutil.wait_procs(workers, timeout=800)[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--variant", "seconds", "--variant", "a=1"],
            "--variant seconds: 'seconds' is not KEY=VALUE",
        ),
        (
            ["--variant", "nosuch=1,seconds=0.1", "--variant", "a=1"],
            "--variant nosuch=1,seconds=0.1: nosuch: no such setting",
        ),
        (["--variant", "die_at=1", "--variant", "nosuch=1"], "--variant nosuch=1: no such setting"),
        (["--variant", "a=1,a=2", "--variant", "a=1"], "a was set already"),
        (["--device", "cpu", "--device", "tpu"], "--device tpu"),
        (["--device", "cpu", "--device", "node", "--replay", "x.toml"], "--replay"),
        (["--device", "cpu", "--device", "node", "--boundary", "node-dc"], "node-dc"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, env: dict[str, str], arguments: list[str], says: str
) -> None:
    """Exit code 2, one line, no unfinished run."""
    ran = energybench("run", "pause", "--idle", "0", *arguments, cwd=tmp_path, env=env)
    assert says in one_line(ran)
    store = tmp_path / "results"
    assert not store.exists() or not list(store.iterdir())
