"""The memory of a command hardly grows with the length of a run."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
HOURS = (0.5, 5.5)
# The traces of five hours more are 50 MB in the analysis of all channels at a time, and their
# curves 67 MB; the samples of one sensor and its check are 21 MB.
MOST_MB = 45.0


@pytest.mark.parametrize("repeats", [1, 3])
def test_recover_looks_at_one_sensor_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeats: int
) -> None:
    """Five hours more of twelve channels cost `recover` less memory than their curves would."""
    monkeypatch.syspath_prepend(SCRIPTS)
    child_cost, long_run = map(importlib.import_module, ("child_cost", "long_run"))
    peaks_mb = []
    for hours in HOURS:
        partial = long_run.write_partial(tmp_path / f"{hours}", hours, repeats)
        peaks_mb.append(child_cost.energybench("recover", str(partial), "--json").peak_mb)
    assert peaks_mb[1] - peaks_mb[0] < MOST_MB, peaks_mb
