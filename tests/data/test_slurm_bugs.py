"""Known faults of Slurm's energy accounting concern the versions that have them."""

from __future__ import annotations

import pytest

from energybench.data.slurm_bugs import bugs, of_version


@pytest.mark.parametrize(
    ("name", "version", "plug_ins", "contain", "concerned"),
    [
        ("energy requests underflow", (23, 11, 8), ["rapl"], False, True),
        ("energy requests underflow", (23, 11, 9), ["rapl"], False, False),
        ("energy requests underflow", (24, 5, 1), ["rapl"], False, True),
        ("energy requests underflow", (24, 5, 2), ["rapl"], False, False),
        ("energy requests underflow", (24, 11, 0), ["rapl"], False, False),
        ("energy requests underflow", (22, 5, 8), ["rapl"], False, False),
        ("IPMI steps of 0 J", (24, 5, 0), ["ipmi"], False, True),
        ("IPMI steps of 0 J", (24, 5, 0), ["rapl"], False, False),
        ("adjustment underflow", (24, 11, 3), ["gpu"], False, True),
        ("adjustment underflow", (24, 11, 4), ["gpu"], False, False),
        ("adjustment underflow", (25, 5, 0), ["gpu"], False, False),
        ("unit of DRAM", (24, 11, 6), ["rapl"], False, True),
        ("unit of DRAM", (25, 5, 0), ["rapl"], False, False),
        ("no energy of extern", (24, 11, 6), ["rapl"], True, True),
        ("no energy of extern", (24, 11, 6), ["rapl"], False, False),
        ("NVML gives no energy", (26, 5, 1), ["gpu"], True, True),
    ],
)
def test_versions_of_a_fault(
    name: str, version: tuple[int, int, int], plug_ins: list[str], contain: bool, concerned: bool
) -> None:
    found = [bug.name for bug in of_version(version, plug_ins, contain)]
    assert (name in found) is concerned


def test_every_fault_has_a_source() -> None:
    for bug in bugs():
        assert bug.source
        assert bug.effect
        assert set(bug.shows) <= {"blank", "0", "above-limit", "differs"}
        assert bug.shows
