"""The line of pytest's header about the sensors.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import tempfile

from energybench.pytest_plugin.measuring import open_run
from energybench.pytest_plugin.options import Settings

_NO_SENSOR = ("estimate",)


def sensors_line(wish: Settings) -> str:
    """The sensors that are read, or how to open some."""
    with tempfile.TemporaryDirectory(prefix="energybench-pytest-") as store:
        run = open_run("sensors", wish, store)
        described = run.sensors()
        run.result()  # closes the run, which has no window
    place = "" if wish.root == "/" else f" under {wish.root}"
    if described is None:
        reason = run.refusal[1] if run.refusal is not None else "no answer"
        return f"energy is not measured: {reason}"
    names = [name for name in described["sensors"] if name not in _NO_SENSOR]
    if names and not described["estimated"]:
        return f"energy of boundary {wish.boundary} by {', '.join(names)}{place}"
    remedies = [
        f"{name}: {reason}; {remedy}"
        for name, reason, remedy in described["absent"]
        if name not in _NO_SENSOR
    ]
    doctor = "energybench doctor tells how to open sensors"
    measured = f"; measured parts by {', '.join(names)}" if names else ""
    return "\n".join(
        [
            f"energy is ESTIMATED here{place}{measured}, and gates are off ({doctor})",
            *(f"  {remedy}" for remedy in remedies),
        ]
    )
