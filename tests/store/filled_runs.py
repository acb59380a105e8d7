"""Headers and samples of runs, for the tests of the store."""

from __future__ import annotations

from energybench.model import Host, Verification, Window, Work
from energybench.plugins import Reading
from energybench.store import layout
from energybench.store.run import Header
from energybench.store.writer import RunWriter
from tests.analysis.truth import channel

CHANNELS = (
    channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        resolution=1e-6,
        update_period_s=0.001,
    ),
)


def header(**changes: object) -> Header:
    stated: dict[str, object] = {
        "id": layout.new_id("a label/with spaces"),
        "label": "a label/with spaces",
        "workload": None,
        "command": ("true",),
        "boundary": "compute",
        "host": Host(name="n", sockets=1, memory_bytes=10**9),
        "channels": CHANNELS,
        "pid": 1,
        "pid_started": None,
    }
    return Header(**{**stated, **changes})  # type: ignore[arg-type]


def fill(writer: RunWriter, seconds: float = 3.0, watts: float = 100.0) -> None:
    """A constant load at 10 Hz, and one repeat from 1 s to 2 s."""
    for i in range(int(seconds * 10)):
        raw = None if i == 7 else int(watts * i * 0.1 * 1e6)
        writer.poll([Reading(raw, i * 0.1)], 0.001, False, 0)
    writer.opening("repeat", 1.0, 0)
    writer.window(Window(label="repeat", start_s=1.0, end_s=2.0, repeat=0))
    writer.work(Work(amount=1.0, unit="nap", fingerprint="f", precision="equal-accuracy"))
    writer.verification((Verification(quantity="q", value=0.0, tolerance=0.0, passed=True),))
