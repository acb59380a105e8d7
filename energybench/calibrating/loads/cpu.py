"""The CPU's load: a pinned child on each core, spinning through the on-phases and sleeping between.
The child states the stretches in which it really ran: a foreign program on its core leaves gaps.

Run as `python -m energybench.calibrating.loads.cpu CORE,CORE,…`; speaks the protocol of
loads/child.py.
"""

from __future__ import annotations

import json
import os
import sys
import time

from energybench.calibrating.loads.serving import asked, say
from energybench.calibrating.loads.wave import Phase
from energybench.measuring.forked import die_with_parent

_NICE = 10  # the poller that shares a core with a spinning child comes first
_TURNS = 500  # turns of the loop between two looks at the clock: about 20 us
_LOOK_S = 2e-5
# a child with a look at its clock this long ago had lost its core to another program: longer than
# an interrupt (tens of us), shorter than the shortest slice (0.75 ms, Linux kernel/sched/fair.c)
_AWAY_S = 3e-4


def spin(phases: list[Phase]) -> tuple[list[Phase], float]:
    """Spin through the phases. Returns the stretches in which this core really spun, and the CPU
    time of the stretches.
    """
    taken, used_s = [], time.process_time()
    now = time.monotonic
    for start_s, end_s in phases:
        time.sleep(max(0.0, start_s - now()))
        began = seen = now()
        x = 1.0
        while seen < end_s:
            for _ in range(_TURNS):
                x = x * 1.0000001 + 1e-9
            before, seen = seen, now()
            if seen - before > _AWAY_S:
                taken.append((began, before))
                began = seen
        taken.append((began, seen))
    return taken, time.process_time() - used_s


def _child(core: int, phases: list[Phase], answer: int) -> None:
    die_with_parent()
    os.sched_setaffinity(0, {core})
    os.nice(_NICE)
    spun = spin(phases)
    with os.fdopen(answer, "w") as out:
        json.dump(spun, out)


def _all(cores: list[int], phases: list[Phase]) -> tuple[list[list[Phase]], float]:
    """The stretches of every core, and the share of the phases in which the cores spun."""
    ends = []
    for core in cores:
        mine, theirs = os.pipe()
        if os.fork() == 0:
            code = 1
            try:
                _child(core, phases, theirs)
                code = 0
            finally:
                os._exit(code)
        os.close(theirs)
        ends.append(mine)
    answers = []
    for end in ends:
        with os.fdopen(end) as answer:
            answers.append(json.loads(answer.read()))
    asked_s = len(cores) * sum(end_s - start_s for start_s, end_s in phases)
    used_s = sum(used for _, used in answers)
    return [taken for taken, _ in answers], used_s / max(asked_s, 1e-9)


def main(cores: list[int]) -> None:
    """Serve one wave."""
    die_with_parent()
    say(ready=f"spinning on cores: {len(cores)}")
    phases = asked()
    if phases:
        taken, busy = _all(cores, phases)
        say(taken=taken, busy=busy, edge_u_s=_LOOK_S)


if __name__ == "__main__":
    try:
        main([int(core) for core in sys.argv[1].split(",")])
    except KeyboardInterrupt:
        sys.exit(130)
