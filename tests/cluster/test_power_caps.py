"""Power caps of a campaign on a real Slurm: set before the work, undone after it, and read from the
record of each run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_campaign import HEAD, campaign, state, states
from tests.simulators.slurm import Cluster
from tests.simulators.slurm.processes import wait_until

pytestmark = pytest.mark.slurm

CAPS = (
    HEAD
    + """
[cases.app]
command = ["sleep", "0.5"]
[platforms.gpu]
partition = "gpu"
gpus_per_node = 4
minutes = 3
"""
)
DEFAULT_W = 400.0


@pytest.fixture
def free(slurm: Cluster) -> Iterator[Cluster]:
    yield slurm
    slurm.cancel_all()


def done(cluster: Cluster, folder: Path, expected: dict[str, str]) -> None:
    wait_until(lambda: states(cluster, folder) == expected, "the campaign", 200)


def limits_w(cluster: Cluster, *nodes: str) -> set[float | None]:
    return {cluster.power_limit_w(node, board) for node in nodes for board in range(4)}


def collected(cluster: Cluster, folder: Path) -> Any:
    return json.loads(campaign(cluster, folder, "collect", "--json").stdout)


def test_a_table_by_power_cap(free: Cluster, tmp_path: Path) -> None:
    """Each cap is in force for its own job alone, and the rows hold the limits of the records. No
    case runs without its cap: the boards refuse 900 W. The record contradicts a cap that was not
    taken: the command succeeds at 150 W and changes nothing.
    """
    command = "[ {watts} = 150 ] || nvidia-smi --power-limit={watts}"
    lines = f'gpu_power_w = [150, 200, 300, 900]\ngpu_power_command = ["sh", "-c", "{command}"]\n'
    (tmp_path / "trial.toml").write_text(CAPS + lines)
    campaign(free, tmp_path, "submit")
    ended = dict.fromkeys(("app@gpu.150W", "app@gpu.900W"), "ended without a result")
    done(free, tmp_path, {**ended, "app@gpu.200W": "done", "app@gpu.300W": "done"})

    document = collected(free, tmp_path)
    (table,) = document["tables"]
    assert table["by"] == "setting"
    rows = [(row["gpu_power_w"], row["gpu_limit_w"]) for row in table["rows"]]
    assert rows == [(200, 200.0), (300, 300.0)]
    assert all(row["energy_j"]["value"] > 0 for row in table["rows"])
    text = campaign(free, tmp_path, "collect").stdout
    assert re.findall(r"^  (\d+ W)   time", text, re.MULTILINE) == ["200 W", "300 W"]
    (unfinished,) = document["unfinished"]
    assert unfinished["run"] == "app@gpu.150W"
    assert unfinished["reason"] == "boards had a power limit of 400 W instead of 150 W"

    (refused,) = [job["id"] for job in state(tmp_path)["jobs"] if job["name"].endswith("900W")]
    output = (tmp_path / f"trial/output/slurm-{refused}.out").read_text()
    assert "Provided power limit 900 W is not a valid power limit" in output
    assert "no cap of 900 W, and no case runs" in output
    wait_until(lambda: limits_w(free, "gpu1", "gpu2") <= {DEFAULT_W, None}, "the undone caps")


def test_a_cap_on_two_nodes_is_undone_on_both(free: Cluster, tmp_path: Path) -> None:
    (tmp_path / "trial.toml").write_text(f"{CAPS}nodes = 2\ngpu_power_w = 250\n")
    campaign(free, tmp_path, "submit")
    done(free, tmp_path, {"app@gpu": "done"})
    (table,) = collected(free, tmp_path)["tables"]
    assert [row["gpu_limit_w"] for row in table["rows"]] == [250.0]
    wait_until(lambda: limits_w(free, "gpu1", "gpu2") == {DEFAULT_W}, "the undoing of the caps")


def test_a_cancelled_job_undoes_its_cap(free: Cluster, tmp_path: Path) -> None:
    text = CAPS.replace('"0.5"', '"60"') + "gpu_power_w = 200\n"
    (tmp_path / "trial.toml").write_text(text)
    campaign(free, tmp_path, "submit")
    (job,) = state(tmp_path)["jobs"]

    def nodes() -> list[str]:
        return [node for node in ("gpu1", "gpu2") if limits_w(free, node) == {200.0}]

    wait_until(nodes, "the cap", 60)
    (node,) = nodes()
    free.run("scancel", job["id"])
    wait_until(lambda: limits_w(free, node) == {DEFAULT_W}, "the undoing of the cap")
