"""A cluster for work by hand: `python -m tests.simulators.slurm [--no-contain] [--no-energy]`
opens a shell in which srun, sbatch and sacct speak to it. The end of the shell stops the cluster.

    python -m tests.simulators.slurm sh -c 'srun -N2 energybench measure -- sleep 2'
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.simulators.slurm import Cluster, SetUp, Site, missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-contain", action="store_true", help="without PrologFlags=Contain")
    parser.add_argument("--no-energy", action="store_true", help="acct_gather_energy/none")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="in place of a shell")
    options = parser.parse_args()
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    plug_in = "none" if options.no_energy else "rapl"
    set_up = SetUp("byhand", contain=not options.no_contain, energy_plug_in=plug_in)
    with Site() as site, Cluster(site, set_up) as cluster:
        print(f"cluster in {cluster.folder}: {', '.join(cluster.nodes)}", file=sys.stderr)
        command = options.command or [os.environ.get("SHELL", "bash")]
        return subprocess.run(command, env=cluster.environment).returncode


if __name__ == "__main__":
    sys.exit(main())
