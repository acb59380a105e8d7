"""A network of deepcam with a quarter of the parameters: setting, copying and storing 56 million of
them takes most of the time of a test. tests/workloads/test_deepcam_network.py and
tests/test_contract_workloads.py have the whole network.
"""

from __future__ import annotations

import pytest

from energybench_workloads.deepcam import network, team
from energybench_workloads.deepcam.team import serve

# One of the sixteen equal blocks, and an eighth of the channels of the decoder
CONSTANTS = {"MIDDLE_BLOCKS": 1, "ASPP": 32}


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, and in the processes that a team starts."""
    for name, value in CONSTANTS.items():
        monkeypatch.setattr(network, name, value)
    monkeypatch.setattr(team, "serve", serve_small)


def shrink_for_good() -> None:
    """In a process that a test started."""
    for name, value in CONSTANTS.items():
        setattr(network, name, value)


def serve_small(*arguments: object) -> None:
    shrink_for_good()
    serve(*arguments)  # type: ignore[arg-type]
