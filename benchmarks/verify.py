"""Time of `bundle` and `verify` for a bundle of eight runs with their pages.

python benchmarks/verify.py [--runs 8]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPLAYS = Path(__file__).parents[1] / "energybench" / "data" / "replays"


def energybench(*arguments: str, cwd: Path) -> float:
    """Run a command to its end; seconds of wall-clock time."""
    start_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "energybench", *arguments],
        cwd=cwd,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - start_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(runs):
            replay = REPLAYS / ("cpu-node.toml" if number % 2 else "gpu-node.toml")
            label = ("--label", f"run {number}")
            energybench("measure", "--replay", str(replay), *label, "--", "true", cwd=folder)
        energybench("report", "results", "--format", "html", "--out", "page.html", cwd=folder)
        more = ("--document", "page.html", "--out", "proof.zip")
        bundling_s = energybench("bundle", "results", *more, cwd=folder)
        verifying_s = energybench("verify", "proof.zip", cwd=folder)
        size = (folder / "proof.zip").stat().st_size
    print(f"{runs} runs and a page, {size / 1e6:.1f} MB")
    print(f"bundle {bundling_s:.1f} s")
    print(f"verify {verifying_s:.1f} s")


if __name__ == "__main__":
    main()
