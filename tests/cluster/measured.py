"""Measurements of energybench on the nodes of a simulated cluster, beside the truth."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.simulators.slurm import Cluster


def truth_j(cluster: Cluster, document: Any) -> float:
    """True mean energy of the repeats of a measurement on one node."""
    host = document["host"]
    # the wall clock at zero of the clock of the samples
    zero_s = datetime.fromisoformat(host["started_utc"]).timestamp() - host["started_s"]
    truths = [
        cluster.truth_j(host["name"], zero_s + repeat["start_s"], zero_s + repeat["end_s"])
        for repeat in document["repeats"]
    ]
    return sum(truths) / len(truths)


def documents(folder: Path, pattern: str = "*.json") -> list[Any]:
    """The results in a folder, by the names of the files."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob(pattern))]
