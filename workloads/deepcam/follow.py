"""The processes of a node that does not lead: `python -m energybench_workloads.deepcam.follow
[--device node|cpu] [--ranks N]`, with RANK, WORLD_SIZE and MASTER_ADDR set.

To count the energy of this node, measure the command: `energybench measure --label node1 -- python
-m energybench_workloads.deepcam.follow`.
"""

from __future__ import annotations

import argparse
import os
import sys

from energybench.errors import BadInput
from energybench_workloads.common import require_torch, torch_device
from energybench_workloads.deepcam.place import find_place, threads_each
from energybench_workloads.deepcam.team import serve, start_others


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--device",
        default="node",
        help="the device of the leading node's run (default: node, every GPU of this node)",
    )
    parser.add_argument(
        "--ranks",
        type=int,
        default=0,
        help="processes on this node; the leading node needs the same number",
    )
    options = parser.parse_args()
    try:
        require_torch()
        place = find_place(torch_device(options.device, several=True), options.ranks, os.environ)
        if place.node == 0:
            raise BadInput(
                "RANK", "is 0 or not set: this node leads", "energybench run deepcam here"
            )
    except BadInput as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    others = start_others(place)
    serve(place, 0, threads_each(place))
    for process in others:
        process.join()
    return max((process.exitcode or 0 for process in others), default=0)


if __name__ == "__main__":
    sys.exit(main())
