"""How long the four runs of campaigns/smoke.toml take on the simulated cluster, from `submit` to
the report: `python benchmarks/campaign.py [FOLDER]`. Needs what `make test-slurm` needs.

Both nodes of the two platforms are this machine, and share its cores. FOLDER keeps the results.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.simulators.slurm import Cluster, SetUp, Site, missing

POLL_S = 1.0
LONGEST_S = 900.0


def main() -> int:
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch, Site() as site:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "campaigns/smoke.toml", folder)
        with Cluster(site, SetUp("campaign")) as cluster:
            measure(cluster, folder)
    return 0


def measure(cluster: Cluster, folder: Path) -> None:
    def campaign(*words: str) -> str:
        command = ["energybench", "campaign", words[0], "smoke.toml", *words[1:]]
        return cluster.run(*command, folder=folder).stdout

    moments_s = {"start": time.monotonic()}
    campaign("submit")
    moments_s["submit"] = time.monotonic()
    runs = []
    while time.monotonic() < moments_s["start"] + LONGEST_S:
        runs = json.loads(campaign("status", "--json"))["runs"]
        if all(run["state"] not in ("waiting", "running") for run in runs):
            break
        time.sleep(POLL_S)
    moments_s["jobs"] = time.monotonic()
    campaign("collect", "--format", "html", "--out", "report.html")
    moments_s["report"] = time.monotonic()
    before_s = moments_s.pop("start")
    first_s = before_s
    for name, moment_s in moments_s.items():
        print(f"{name:8} {moment_s - before_s:6.1f} s")
        before_s = moment_s
    print(f"{'together':8} {before_s - first_s:6.1f} s")
    print(f"{sum(run['state'] == 'done' for run in runs)} of {len(runs)} runs are done")


if __name__ == "__main__":
    sys.exit(main())
