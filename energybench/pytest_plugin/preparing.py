"""Preparations before a measured test, and the line of pytest's header about the sensors.

Preparations come before the test, because a test may replace the functions for starting a process,
making a folder or reading a module, may count calls of these functions, or may count the open
descriptors of the process. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

# modules for the energy pass after the test's own calls
import energybench.api.results
import energybench.gating.compare
import energybench.pytest_plugin.pedantic
import energybench.pytest_plugin.windows  # noqa: F401
from energybench.api.link import Gone, link
from energybench.pytest_plugin.measuring import new_run
from energybench.pytest_plugin.options import Settings
from energybench.pytest_plugin.run_store import RunStore

_NO_SENSOR = ("estimate",)


def sensors_line(wish: Settings, store: RunStore) -> str:
    """The line about the open sensors, or about remedies for missing sensors. Starts the sampling
    process and makes the folder for runs.
    """
    run = new_run("sensors", wish, store)
    run.open()
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
    if not described["sensors"]:
        return "\n".join(
            [
                f"energy is not measured{place}: no sensor answers, and gates are off ({doctor})",
                *(f"  {remedy}" for remedy in remedies),
            ]
        )
    measured = f"; measured parts by {', '.join(names)}" if names else ""
    return "\n".join(
        [
            f"energy is ESTIMATED here{place}{measured}, and gates are off ({doctor})",
            *(f"  {remedy}" for remedy in remedies),
        ]
    )


def connect() -> None:
    """Start a new sampling process if the last sampling process has ended, or if a test has closed
    the connection.
    """
    try:
        link()
    except Gone:  # the report line of the test names the fault
        pass
