"""A node that another one leads: `python -m energybench_workloads.deepcam.follow [--device
node|cpu] [--ranks N]`, with RANK, WORLD_SIZE and MASTER_ADDR set.

Its energy is counted by measuring it: `energybench measure --label node1 -- python -m
energybench_workloads.deepcam.follow`.
"""

from __future__ import annotations

import argparse
import os
import sys

from energybench.errors import BadInput
from energybench_workloads.common import require_torch, torch_device
from energybench_workloads.deepcam.team import find_place, serve, start_others, threads_each


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--device", default="node", help="as the leading node's (default: node, every GPU)"
    )
    parser.add_argument(
        "--ranks", type=int, default=0, help="processes on this node, as many as on the leading one"
    )
    given = parser.parse_args()
    try:
        require_torch()
        place = find_place(torch_device(given.device, several=True), given.ranks, os.environ)
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
