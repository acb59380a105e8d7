"""`doctor` shows a part as measured only if one of its sensors could be read just now."""

from __future__ import annotations

from typing import Any

import pytest

from energybench.cli.doctor import text
from energybench.model import Host, Part


def channel(device: str, quantity: str, reads: float | None) -> dict[str, Any]:
    return {
        "collector": "rapl",
        "device": device,
        "component": "cpu.package",
        "quantity": quantity,
        "unit": "J",
        "reads": reads,
        "timing": "prior",
        "calibrated_utc": None,
        "quality": "measured",
        "summed": True,
    }


@pytest.mark.parametrize(
    ("reads", "state"),
    [((60.0,), "measured"), ((None,), "failing"), ((None, 5.0), "measured"), ((0.0,), "measured")],
)
def test_a_part_whose_reads_fail_is_not_shown_as_measured(
    reads: tuple[float | None, ...], state: str
) -> None:
    """One die of two fails; a second sensor of the part that reads is enough, and 0 is a value."""
    parts = [
        Part(component="cpu.package", state="measured", device=device)
        for device in ("die-0", "die-1")
    ]
    findings = {
        "host": Host(name="n"),
        "channels": [
            channel("die-0", "energy", 1.0),
            *(channel("die-1", str(number), value) for number, value in enumerate(reads)),
        ],
        "absent": [],
        "broken": [],
        "boundary": {"name": "compute", "parts": parts, "problem": None},
        "limits": [],
        "doubts": [],
    }
    lines = [line.split() for line in text(findings).splitlines()]
    assert ["measured", "cpu.package", "die-0"] in lines
    assert [state, "cpu.package", "die-1"] in lines
