"""How the clocks of two nodes stand to each other, and the messages by which they are compared."""

from __future__ import annotations

import os
import random

import pytest

from energybench.cluster.clocks import (
    Offset,
    WallClock,
    from_answer,
    from_wall_clocks,
    later,
    narrower,
    wall_clock,
)
from energybench.cluster.messages import Lines, line


@pytest.mark.parametrize("seed", range(20))
def test_an_answer_bounds_the_difference(seed: int) -> None:
    """However long the way there and back took, and however unevenly."""
    rng = random.Random(seed)
    true_s, there_s, back_s = rng.uniform(-1e6, 1e6), rng.expovariate(50), rng.expovariate(50)
    offset = from_answer(100.0, 100.0 + there_s + back_s, 100.0 + there_s + true_s)
    assert abs(offset.seconds - true_s) <= offset.half_s + 1e-9


def test_wall_clocks_count_only_if_both_are_disciplined() -> None:
    head, node = WallClock(1000.0, 0.002), WallClock(400.0, 0.003)
    assert from_wall_clocks(head, node) == Offset(600.0, 0.005)
    assert from_wall_clocks(head, WallClock(400.0, None)) is None
    assert from_wall_clocks(WallClock(1000.0, None), node) is None


def test_the_narrower_bound_counts() -> None:
    assert narrower(None, Offset(1.0, 0.5), Offset(1.1, 0.1)) == Offset(1.1, 0.1)
    assert narrower(None, None) is None


def test_clocks_drift_apart_between_comparisons() -> None:
    """An hour after the comparison the difference is known to 0.36 s."""
    assert later(Offset(5.0, 0.001), 100.0, 3700.0) == pytest.approx((5.0, 0.361))


def test_this_node_s_own_clock() -> None:
    first, second = wall_clock(), wall_clock()
    assert abs(first.offset_s - second.offset_s) < 1.0
    assert first.half_s is None or first.half_s >= 0


# ---------------------------------------------------------------- messages


def test_lines_that_are_no_messages_are_passed_over() -> None:
    """Slurm's programs and the readers' libraries may write remarks between the messages."""
    read, write = os.pipe()
    lines = Lines(read)
    noise = (b"srun: a remark\n", b"[1]\n", b'{"do": 3}\n', b"\xff\xfe\n", b"[" * 10_000 + b"\n")
    os.write(write, b"".join(noise[:4]) + line({"do": "opened", "node": "n1"}) + b'{"do": "clo')
    lines.read()
    assert lines.next() == {"do": "opened", "node": "n1"}
    assert lines.next() is None
    assert not lines
    os.write(write, b'sed"}\n' + noise[4])
    lines.read()
    assert lines.peek() == {"do": "closed"}
    assert lines.taken_out("closed") == [{"do": "closed"}]
    assert not lines
    os.close(write)
    lines.read()
    assert lines.ended
    assert lines  # nothing more can come: nobody waits for ever
    os.close(read)
