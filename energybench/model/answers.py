"""The subject of a projection's answers, in words: the owner of the carbon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from energybench.model.projected import CarbonBasis, Input, Line, Projection

BASIS_WORDS: Mapping[CarbonBasis, str] = {
    "location": "location-based",
    "market": "market-based",
    "own": "own figure",
}


def carbon_basis(projection: Projection) -> str:
    """'location-based': the basis of the intensities behind the carbon saved, for any label of its
    line; "basis not stated" if no input has a basis, "" without an answer.
    """
    answer = projection.saved_tco2e_per_month
    if answer is None:
        return ""
    lines = {line.name: line for line in projection.lines}
    bases = [
        BASIS_WORDS[entry.basis]
        for line in projection.lines
        if line.unit == "t CO2e" and line.value == answer
        for entry in _behind(line, lines, set())
        if entry.basis is not None
    ]
    return " and ".join(dict.fromkeys(bases)) or "basis not stated"


def _behind(line: Line, lines: Mapping[str, Line], passed: set[str]) -> Iterator[Input]:
    """Base inputs of a line and of the lines above it."""
    passed.add(line.name)
    for entry in line.inputs:
        if not entry.above:
            yield entry
        elif entry.name in lines and entry.name not in passed:
            yield from _behind(lines[entry.name], lines, passed)
