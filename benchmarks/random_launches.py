"""Launches drawn at random on a real Slurm with simulated nodes, each measured and compared with
the true energy: is a node ever counted twice, or not at all, without a word?

    python benchmarks/random_launches.py [--launches 40] [--first 1] [--seed 1] [--seconds 3]

A launch is an allocation (1 to 4 nodes, perhaps heterogeneous or a task of an array), a launcher
(srun, mpirun, or the variables of torchrun) with 1 to 8 ranks on some of its nodes, and a way to
measure: `measure --nodes job` before the launcher, `energybench rank` before each rank, plain
`measure` before the launcher, or plain `measure` before each rank. The truth is the energy of all
nodes that the launch uses, between the times that the result states; with `--nodes job`, of all
nodes that the job holds. Verdicts:

    within 1 %      no doubt about counting, and at most 1 % from the truth
    in its interval no doubt about counting, and the truth lies in the stated interval
    flagged         a doubt about counting: no comparison gives an energy verdict
    SILENT          neither
    no result       nothing was measured, and the output says why

Needs root and Slurm (`make test-slurm` installs it). Exit code 1: a launch was silently wrong.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from energybench.store.layout import PARTIAL, RUN
from tests.simulators.slurm import Cluster, Job, SetUp, Site, missing

WAYS = ("job", "rank", "before", "each")
LAUNCHERS = ("srun", "mpirun", "torchrun")
KINDS = ("plain", "plain", "plain", "array", "het")
# Doubts that name a wrong number of nodes, or a range for a node in place of its energy.
FLAGS = frozenset(
    {"counted-again", "nodes-unread", "shared-node", "node-missing", "node-partial", "requeued"}
)
WITHIN = 0.01


class Launch(NamedTuple):
    """
    kind      plain, a task of an array, or a job with two components
    held      nodes of the allocation
    used      nodes on which ranks run
    each      ranks on each of these nodes
    way       how the launch is measured
    """

    kind: str
    held: int
    used: int
    each: int
    launcher: str
    way: str

    @property
    def words(self) -> str:
        ranks = f"{self.each} rank(s) on each of {self.used}/{self.held} node(s)"
        return f"{self.way:<7}{self.kind:<6}{self.launcher:<9}{ranks}"


def drawn(draw: random.Random) -> Launch:
    kind = draw.choice(KINDS)
    held = 2 if kind == "het" else draw.randint(1, 4)
    launcher = "srun" if kind == "het" else draw.choice(LAUNCHERS)
    used = held if kind == "het" else draw.randint(1, held)
    each = draw.choice([ranks for ranks in (1, 2, 4, 8) if used * ranks <= 8])
    way = draw.choice(WAYS)
    return Launch(kind, held, used, each, launcher, way)


def program(launch: Launch, seconds: float) -> str:
    """The lines of the batch script. Each rank notes the node on which it runs."""
    lines = f"'#!/bin/sh' 'hostname >> used' 'exec sleep {seconds:g}'"
    work = "./work"
    before, inner = {
        "job": ("energybench measure --nodes job --out store -- ", ""),
        "rank": ("", "energybench rank --out store -- "),
        "before": ("energybench measure --out store -- ", ""),
        "each": ("", "energybench measure --out store -- "),
    }[launch.way]
    count = launch.used * launch.each
    if launch.kind == "het":
        words = f"srun --het-group=0,1 --ntasks-per-node={launch.each} --overlap {inner}{work}"
    elif launch.launcher == "srun":
        words = (
            f"srun -N{launch.used} -n{count} --ntasks-per-node={launch.each} --overlap "
            f"{inner}{work}"
        )
    elif launch.launcher == "mpirun":
        words = f"mpirun -np {count} --map-by ppr:{launch.each}:node {inner}{work}"
    else:  # one agent of torchrun on each node, which starts the ranks with its variables
        ranks = (
            f"export WORLD_SIZE={count} LOCAL_WORLD_SIZE={launch.each} MASTER_ADDR=localhost "
            "MASTER_PORT=29500 TORCHELASTIC_RUN_ID=$SLURM_JOB_ID; "
            f"for r in $(seq 0 {launch.each - 1}); do "
            f"LOCAL_RANK=$r RANK=$((SLURM_NODEID*{launch.each}+r)) {inner}{work} & done; wait"
        )
        words = (
            f"srun -N{launch.used} -n{launch.used} --ntasks-per-node=1 --overlap bash -c '{ranks}'"
        )
    end = ""
    if launch.way == "rank":
        end = f"; for f in store/{PARTIAL}*; do energybench recover $f; done"
    return f"printf '%s\\n' {lines} > work; chmod +x work; {before}{words}{end}"


def submitted(cluster: Cluster, launch: Launch, seconds: float) -> Job:
    script = program(launch, seconds)
    if launch.kind == "het":
        options = (f"--ntasks-per-node={launch.each}", "--nodes=1", "--exclusive")
        words = ("--partition=cpu", *options, ":", "--partition=gpu", *options, "--gres=gpu:4")
        return cluster.sbatch(script, *words)
    wide = {"partition": "wide", "nodes": launch.held, "exclusive": True}
    if launch.kind == "array":
        wide["array"] = "7"
    return cluster.sbatch(script, ntasks_per_node=8, **wide)


# ---------------------------------------------------------------- truth and result


class Answer(NamedTuple):
    """
    truth_j  of the nodes that the result is about
    stated   values and intervals of the results, J
    codes    doubts of all results
    """

    truth_j: float
    stated: Sequence[tuple[float, float, float]]
    codes: frozenset[str]

    @property
    def verdict(self) -> str:
        if not self.stated:
            return "no result"
        if self.codes & FLAGS:
            return "flagged"
        total_j = sum(value for value, _, _ in self.stated)
        if abs(total_j - self.truth_j) <= WITHIN * self.truth_j:
            return "within 1 %"
        low_j, high_j = (sum(each[i] for each in self.stated) for i in (1, 2))
        return "in its interval" if low_j <= self.truth_j <= high_j else "SILENT"


def answer(cluster: Cluster, job: Job, launch: Launch) -> Answer:
    documents = [
        json.loads(path.read_text()) for path in sorted((job.folder / "store").glob(f"[!.]*/{RUN}"))
    ]
    documents = [document for document in documents if document["energy_j"] is not None]
    names = nodes_of(job) if launch.way == "job" else used_by(job)
    truth_j = 0.0
    if documents:
        # each result states a window; the truth is the energy of the used nodes within the longest
        start_s, end_s = max(map(span, documents), key=lambda times: times[1] - times[0])
        truth_j = sum(cluster.truth_j(name, start_s, end_s) for name in names)
    return Answer(
        truth_j,
        [
            tuple(document["energy_j"][key] for key in ("value", "low", "high"))
            for document in documents
        ],
        frozenset(doubt["code"] for document in documents for doubt in document["doubts"]),
    )


def used_by(job: Job) -> set[str]:
    used = job.folder / "used"
    return set(used.read_text().split()) if used.is_file() else set()


def nodes_of(job: Job) -> set[str]:
    lists = ",".join(record["NodeList"] for record in job.records)
    return set(job.cluster.run("scontrol", "show", "hostnames", lists).stdout.split())


def span(document: Any) -> tuple[float, float]:
    """Start and end of the only repeat on the wall clock."""
    host, repeat = document["host"], document["repeats"][0]
    zero_s = datetime.fromisoformat(host["started_utc"]).timestamp() - host["started_s"]
    return zero_s + repeat["start_s"], zero_s + repeat["end_s"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--launches", type=int, default=40)
    parser.add_argument("--first", type=int, default=1, help="number of the first one to run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the program")
    options = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    draw = random.Random(options.seed)
    verdicts: collections.Counter[str] = collections.Counter()
    with Site() as site, Cluster(site, SetUp("launches")) as cluster:
        for number in range(1, options.launches + 1):
            launch = drawn(draw)
            if number < options.first:
                continue
            job = submitted(cluster, launch, options.seconds).wait(timeout_s=300)
            found = answer(cluster, job, launch)
            verdicts[found.verdict] += 1
            total_j = sum(value for value, _, _ in found.stated)
            flags = ", ".join(sorted(found.codes & FLAGS))
            print(
                f"{number:>3} {launch.words:<54}truth {found.truth_j:>8.0f} J  "
                f"{len(found.stated)} result(s) {total_j:>8.0f} J  {found.verdict}"
                f"{f' ({flags})' if flags else ''}",
                flush=True,
            )
            if found.verdict in ("SILENT", "no result"):
                print("    " + "\n    ".join(job.output.splitlines()[-6:]), flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    return 1 if verdicts["SILENT"] else 0


if __name__ == "__main__":
    sys.exit(main())
