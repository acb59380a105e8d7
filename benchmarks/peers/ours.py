"""energybench itself: the real command, its own window, and the energies of the parts that its
figure is summed from.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENERGYBENCH = str(Path(sys.executable).with_name("energybench"))


def command(seconds: float, collector: str, root: Path = Path("/")) -> list[str]:
    return [
        ENERGYBENCH,
        "measure",
        "--json",
        "--root",
        str(root),
        "--collector",
        collector,
        "--",
        "sleep",
        str(seconds),
    ]


def measured(
    argv: Sequence[str], folder: Path, env: dict[str, str]
) -> tuple[float, float, dict[str, float]]:
    """Start and end of its window and joules by device.

    Raises where the parts do not add up to what it printed.
    """
    # here, so that peers alone can be measured while it changes
    from energybench.analysis.energy.boundary_parts import table
    from energybench.analysis.measurement.measure import Record, covered
    from energybench.measuring.session import ranges
    from energybench.store.reader import measurement, read_traces

    ran = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=True)
    if not ran.stdout.startswith("{"):
        raise RuntimeError(f"no result: stdout {ran.stdout[-500:]!r}, stderr {ran.stderr[-500:]!r}")
    directory, measured = measurement(json.loads(ran.stdout)["id"], folder / "results")
    traces, windows = read_traces(directory)
    repeats = [window for window in windows if window.label == "repeat"]
    record = Record(
        measured.id,
        measured.label,
        None,
        measured.command,
        measured.boundary.name,
        measured.host,
        windows,
        (None,),
        (),
    )
    rows = table(*covered(record, traces, ranges()), repeats)
    energies = {
        row.part.device: row.cells[0].energy_j or 0.0
        for row in rows
        if row.scale_rel  # it has a sensor
    }
    printed = sum(
        joules
        for name, joules in measured.repeats[0].components_j.items()
        if name in ("cpu.package", "gpu.board")
    )
    if not math.isclose(sum(energies.values()), printed, rel_tol=1e-9):
        raise RuntimeError(f"its parts are {sum(energies.values())} J, it printed {printed} J")
    return repeats[0].start_s, repeats[0].end_s, energies
