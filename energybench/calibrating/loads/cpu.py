"""The CPU's load: one pinned child per core, spinning through the on-phases and sleeping between.

Run as `python -m energybench.calibrating.loads.cpu CORE,CORE,…`; speaks the protocol of
loads/child.py.
"""

from __future__ import annotations

import json
import os
import sys
import time

from energybench.calibrating.loads.serving import asked, die_with_parent, say
from energybench.calibrating.loads.wave import Phase

_NICE = 10  # the poller that shares a core with a spinning child comes first
_TURNS = 500  # turns of the loop between two looks at the clock: about 20 us


def spin(phases: list[Phase]) -> tuple[list[Phase], float]:
    """Spin through the phases: the phases as taken, and the share of their time on this core."""
    taken, on_s, used_s = [], 0.0, 0.0
    now = time.monotonic
    for start_s, end_s in phases:
        time.sleep(max(0.0, start_s - now()))
        began, used = now(), time.process_time()
        x = 1.0
        while now() < end_s:
            for _ in range(_TURNS):
                x = x * 1.0000001 + 1e-9
        ended = now()
        taken.append((began, ended))
        on_s, used_s = on_s + ended - began, used_s + time.process_time() - used
    return taken, used_s / max(on_s, 1e-9)


def _child(core: int, phases: list[Phase], answer: int) -> None:
    die_with_parent()
    os.sched_setaffinity(0, {core})
    os.nice(_NICE)
    taken, ours = spin(phases)
    with os.fdopen(answer, "w") as out:
        json.dump([taken, ours], out)


def _all(cores: list[int], phases: list[Phase]) -> tuple[list[Phase], float, float]:
    """Mean of each edge over the cores, mean share, and spread of the cores (root mean square over
    the edges).
    """
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
    n = len(answers)
    taken, square_s = [], 0.0
    for phase in zip(*(answer[0] for answer in answers), strict=True):
        on, off = (sum(edge) / n for edge in zip(*phase, strict=True))
        square_s += sum((one[0] - on) ** 2 + (one[1] - off) ** 2 for one in phase) / n
        taken.append((on, off))
    return taken, sum(answer[1] for answer in answers) / n, (square_s / (2 * len(phases))) ** 0.5


def main(cores: list[int]) -> None:
    """Serve one wave."""
    die_with_parent()
    say(ready=f"{len(cores)} spinning core(s)")
    phases = asked()
    if phases:
        taken, ours, spread_s = _all(cores, phases)
        say(taken=taken, busy=ours, spread_s=spread_s)


if __name__ == "__main__":
    try:
        main([int(core) for core in sys.argv[1].split(",")])
    except KeyboardInterrupt:
        sys.exit(130)
