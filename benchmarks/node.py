"""A simulated node for the benchmarks: two sockets with DRAM on a live powercap tree, GPUs behind a
simulated NVML.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulators live with the tests

from tests.simulators import LiveNode, live_node, nvml_environment

ENERGYBENCH = str(Path(sys.executable).with_name("energybench"))


class Node(NamedTuple):
    live: LiveNode
    env: dict[str, str]
    root: Path


@contextmanager
def node(
    folder: Path,
    conf: str,
    *,
    seed: int = 1,
    watts: float = 180.0,
    start_uj: int = 0,
    period_s: float = 0.001,
) -> Iterator[Node]:
    """Two packages at `watts` and two DRAM zones at 20 W; GPUs as in `conf`."""
    zones = {}
    for package in range(2):
        zones[f"intel-rapl:{package}"] = {
            "name": f"package-{package}",
            "watts": watts,
            "start_uj": start_uj,
        }
        zones[f"intel-rapl:{package}:0"] = {"name": "dram", "watts": 20.0}
    root = folder / "root"
    with live_node(root, zones, period_s=period_s) as live:
        yield Node(live, nvml_environment(folder, conf, seed), root)
