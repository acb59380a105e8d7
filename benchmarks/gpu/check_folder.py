"""The folder that benchmarks/gpu_check.sh writes: steps.tsv, and one JSON file a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Check:
    """The folder of one check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = self.result("facts") or {}

    def result(self, step: str) -> Any:
        """The JSON document of a step; None if the step wrote none, or part of one."""
        try:
            return json.loads((self.folder / f"{step}.json").read_text())
        except (OSError, ValueError):
            return None

    def results(self, step: str, kind: str) -> list[dict[str, Any]]:
        """The measurements or comparisons of a step, in their order."""
        document = self.result(step) or {}
        return [one for one in document.get("results", [document]) if one.get("kind") == kind]

    def run(self, step: str) -> str:
        """The run directory of a step; without a run, a name that says so."""
        measurements = self.results(step, "measurement")
        return str(self.folder / "runs" / measurements[0]["id"]) if measurements else f"no-{step}"

    def steps(self) -> list[list[str]]:
        try:
            lines = (self.folder / "steps.tsv").read_text().splitlines()
        except OSError:
            return []
        return [line.split("\t") for line in lines]
