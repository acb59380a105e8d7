"""Stores of recorded, simulated and damaged runs for the tests of the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.simulators.run_copies import SAMPLE, scaled

HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>"\'&'


def write_run(store: Path, name: str, factor: float = 1.0, **fields: Any) -> Path:
    """A copy of the recorded run.

    factor  of all energies and powers
    fields  top-level fields of run.json that differ, and `host`, `size` and `doubts` by their value
    """
    run = scaled(json.loads((SAMPLE / "run.json").read_text("utf-8")), factor)
    run |= {"id": name, "label": fields.pop("label", name)}
    run["host"]["name"] = fields.pop("host", "node-a")
    run["workload"]["size"] = fields.pop("size", "32")
    if "doubts" in fields:
        doubts = [{"code": code, "message": "m", "remedy": "r"} for code in fields.pop("doubts")]
        run["doubts"] = doubts
    if "boundary" in fields:
        run["boundary"]["name"] = fields.pop("boundary")
    directory = store / name
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps(run | fields), "utf-8")
    shutil.copyfile(SAMPLE / "samples.parquet", directory / "samples.parquet")
    return directory


def some_runs(store: Path) -> Path:
    """Four runs that differ in everything that the table can filter and sort by."""
    write_run(store, "2026-01-05T10-00-00.125Z_alpha_00000001", 1.0, label="alpha", host="node-a")
    write_run(store, "2026-02-05T10-00-00.125Z_beta_00000002", 3.0, label="beta", host="node-b")
    write_run(
        store,
        "2026-03-05T10-00-00.125Z_gamma_00000003",
        2.0,
        label="gamma",
        host="node-b",
        size="16",
        doubts=["one-node", "interrupted"],
    )
    last = "2026-03-06T10-00-00.125Z_delta_00000004"
    write_run(store, last, 1.5, label="delta", boundary="device", doubts=[])
    return store
