"""Tests that use a stated energy, on a node whose package counts it, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from energybench.gating.history import History
from tests.pytest_plugin.runs import Finished, Pytest
from tests.simulators import live_node

# A call adds joules to the counter in the middle of its time: a busy machine makes it longer, and
# its energy no other.
SPENDS = """
    import os
    import time

    def spend(joules):
        time.sleep(0.005)
        with open("spent", "ab") as spent:
            spent.write(b"J" * joules)
        time.sleep(0.005)

    def test_it({fixture}):
        {fixture}(spend, int(os.environ["JOULES"]))
"""
GATE = "--benchmark-energy-fail=20%"
SIX = "--benchmark-energy-windows=6"


def verdict(session: Finished) -> str:
    """The only line below the title of the gates."""
    at = next(i for i, line in enumerate(session.lines) if " energy gates " in line)
    return session.lines[at + 1]


def five_sessions(sessions: Pytest) -> None:
    """The only session of the history five times, which is enough for a gate."""
    add_copies(History(sessions.folder / ".energybench"), 4)


def add_copies(history: History, count: int) -> None:
    """The only session of a history once more and once more, as earlier ones."""
    (session,) = history.sessions()
    for i in range(count):
        name = f"earlier {i}"
        tests = tuple(msgspec.structs.replace(test, session=name) for test in session.tests)
        history.add(msgspec.structs.replace(session, session=name, tests=tests))


@contextmanager
def counting(sessions: Pytest) -> Iterator[Pytest]:
    """The sessions on a node whose package uses what the tests add to the file "spent", and 1 W."""
    spent = sessions.folder / "spent"
    spent.touch()
    zones = {
        "intel-rapl:0": {"name": "package-0", "watts": 1, "spent": str(spent)},
        "intel-rapl:0:0": {"name": "dram", "watts": 1},
    }
    with live_node(sessions.folder.parent / "counting", zones) as node:
        yield sessions._replace(root=node.root)
