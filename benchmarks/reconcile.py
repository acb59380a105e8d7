"""How far Slurm's joules and ours differ in the same window, on a real Slurm of the tests:

    python benchmarks/reconcile.py [--seconds 110]

Two clusters are started one after the other, with and without PrologFlags=Contain, each with the
plug-in rapl. In each, jobs of one and two nodes are measured with `measure --nodes job`, and
`energybench slurm check` is asked for every row. A row of at least 100 s that is a measurement has
to lie within 2 %; every other row is printed with its finding. Exit code 1 if one does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.simulators.slurm import Cluster, Job, SetUp, Site, missing

MEASURE = "energybench measure --nodes job --out store --"
STEPS = "srun --overlap sleep {seconds} & srun --overlap sleep {seconds}; wait"


def jobs(cluster: Cluster, seconds: int) -> list[tuple[str, Job]]:
    """Jobs that run at the same time on nodes of their own."""
    overlapping = STEPS.format(seconds=seconds)
    scripts = {
        "two nodes, one step": (f"{MEASURE} srun sleep {seconds}", "cpu", 2),
        "a node, overlapping steps": (f"{MEASURE} bash -c '{overlapping}'", "gpu", 1),
        "a node, boards at work too": (f"{MEASURE} srun sleep {seconds}", "gpu", 1),
    }
    return [
        (
            words,
            cluster.sbatch(
                script, partition=partition, nodes=nodes, ntasks=nodes, exclusive=True, mem=0
            ),
        )
        for words, (script, partition, nodes) in scripts.items()
    ]


def checked(cluster: Cluster, job: Job) -> list[dict[str, Any]]:
    """The rows of `slurm check`, once the accounts are complete."""
    cluster.sacct(job)
    done = cluster.run(
        "energybench", "slurm", "check", job.id, "--store", f"{job.folder}/store", "--json"
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return rows


def show(words: str, rows: list[dict[str, Any]]) -> list[float]:
    """Print the rows; the unexplained shares of those that have to be reconciled."""
    shares = []
    print(f"  {words}")
    for row in rows:
        split = row["split"]
        rel = f"{100 * split['unexplained_rel']:+6.2f} %" if split is not None else "     -  "
        print(
            f"    {row['label']:<12}{row['elapsed_s']:>5} s {rel}  {row['finding']}: {row['why']}"
        )
        if row["finding"] in ("reconciled", "differs"):
            shares.append(split["unexplained_rel"])
    return shares


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=110)
    seconds = parser.parse_args().seconds
    reason = missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    shares: list[float] = []
    with Site() as site:
        for contain in (True, False):
            print(f"PrologFlags=Contain: {'yes' if contain else 'no'}, plug-in rapl")
            with Cluster(
                site, SetUp("contain" if contain else "steps", contain=contain)
            ) as cluster:
                started = jobs(cluster, seconds)
                for words, job in started:
                    job.wait(timeout_s=seconds + 120)
                    shares += show(words, checked(cluster, job))
    worst = max(map(abs, shares), default=1.0)
    print(f"{len(shares)} rows of 100 s or more: at most {100 * worst:.2f} % unexplained")
    return 0 if worst <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
