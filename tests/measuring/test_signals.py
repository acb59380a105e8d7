"""Signals from outside that may end a program early are noted; others are not."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# In a process of its own: a thread of this one may not block the signals. The sender is another
# process: signals of our own count as failures of a write.
_PROGRAM = """
import os, sys
from energybench.measuring.signals import Signals
from energybench.measuring.spawning import spawn

SENDS = "import os, sys; os.kill(int(sys.argv[1]), int(sys.argv[2]))"

def receive(signals):
    sender = spawn([sys.executable, "-c", SENDS, str(os.getpid()), sys.argv[1]], signals.mask)
    assert sender.reap() == 0
    signals.poll()
    return signals.latest()

with Signals() as signals:
    first, second = receive(signals), receive(signals)
    assert first == second
    signals.forget_repeat()
    assert signals.latest() is None
    print(first[0] if first else "")
"""
NOTED = {
    signal.SIGUSR1: "SIGUSR1",
    signal.SIGUSR2: "SIGUSR2",
    signal.SIGALRM: "SIGALRM",
    signal.SIGXCPU: "SIGXCPU",
    signal.SIGVTALRM: "SIGVTALRM",
    signal.SIGIO: "SIGIO",
    signal.SIGTERM: "SIGTERM",
    signal.SIGRTMIN + 3: f"signal {signal.SIGRTMIN + 3}",
}
NOT_NOTED = [signal.SIGWINCH, signal.SIGURG, signal.SIGCONT]


def _noted(number: int) -> str:
    argv = [sys.executable, "-c", _PROGRAM, str(int(number))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("number", NOTED)
def test_a_signal_that_may_end_a_program_is_noted_once_for_each_repeat(number: int) -> None:
    """Of equal signals the first counts: a program that goes on after one goes on after others."""
    assert _noted(number) == NOTED[number]


@pytest.mark.parametrize("number", NOT_NOTED)
def test_a_signal_that_ends_nothing_is_not_noted(number: int) -> None:
    assert _noted(number) == ""
