"""One process of a node holds a name; of several ranks one measures, and the others know which."""

from __future__ import annotations

import subprocess
import sys
import uuid

from energybench.measuring import abstract_socket
from energybench.measuring.beside.election import Election

HOLD = """
import sys
from energybench.measuring import abstract_socket
held = abstract_socket.bound(sys.argv[1])
print(held is not None, flush=True)
sys.stdin.read()
"""


def test_a_name_is_free_again_once_its_process_is_killed() -> None:
    """A name that another process holds cannot be taken, and a killed process leaves none."""
    name = f"energybench-test-{uuid.uuid4()}"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert abstract_socket.bound(name) is None
        holder.kill()
    held = abstract_socket.bound(name)
    assert held is not None
    held.close()


def test_the_ranks_of_a_job_know_the_one_that_measures() -> None:
    """The first takes the job; the second is told what the first says; another job is free."""
    job = str(uuid.uuid4())
    first, second, of_another_job = Election(), Election(), Election()
    assert first.winner(job, "rank 3 (process 17)") is None
    assert second.winner(job, "rank 4") == "rank 3 (process 17)"
    assert first.winner(job, "rank 3 (process 17)") is None
    assert of_another_job.winner(f"{job[:-1]}x", "rank 0") is None
