"""Blocks on a node with simulated boards: which boards count, and a call that holds the GIL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators import nvml_environment

CALLER = """
import ctypes, json, os, sys, time
import energybench
options = dict(store=sys.argv[1], boundary="device", collectors=["nvml"])

parts = []
for visible in ("0", "1", "0,1"):
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    with energybench.measure("block " + visible, **options) as block:
        # PyDLL keeps the GIL during the call
        ctypes.PyDLL(None).usleep(900_000)
    measured = block.measurement
    power = measured.power_w
    used = sum(part.used for part in measured.boundary.parts)
    parts.append([used, power.low, power.value, power.high])
print(json.dumps(parts))
"""


@pytest.mark.parametrize("period_ms", [100, 83])
def test_the_boards_that_the_program_sees_and_a_call_that_holds_the_gil(
    tmp_path: Path, period_ms: int
) -> None:
    """CUDA_VISIBLE_DEVICES counts as it is when a block begins; a C call that keeps the GIL does
    not disturb the sampling.
    """
    conf = f"count=2\nwave=const,300\ngpu1.wave=const,200\nenergy_ms={period_ms}\n"
    (tmp_path / "caller.py").write_text(CALLER)
    ran = subprocess.run(
        [sys.executable, "caller.py", str(tmp_path / "store")],
        cwd=tmp_path,
        env=nvml_environment(tmp_path, conf),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    used, lows, powers, highs = zip(*json.loads(ran.stdout), strict=True)
    assert used == (1, 1, 2)
    # The boundary counts boards that the program was not given, too, and marks them. A busy machine
    # reads the counters' edges late, which widens the interval.
    assert all(low <= 500 <= high for low, high in zip(lows, highs, strict=True)), (lows, highs)
    assert powers == pytest.approx((500, 500, 500), rel=0.1)
