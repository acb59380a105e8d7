"""What a bundle lacks, so that nobody can check numbers in it: runs and scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch
from typing import Any

from energybench.model import Comparison, Grade, Measurement, Projection, Study
from energybench.projecting import scenario_files
from energybench.proof import contents
from energybench.proof.scenarios import read_scenario
from energybench.store import document_file, reader


def absent_of(files: contents.Files) -> dict[str, tuple[str, ...]]:
    """The ids of runs and the scenarios on which results and documents rest and that are not among
    the files, by the names of the results and documents. Raises BadInput.
    """
    runs = {
        reader.read_beside_others(directory).id
        for directory in contents.run_folders(files).values()
    }
    own = {
        included.scenario.name
        for path in contents.of_kind(files, contents.SCENARIOS).values()
        if (included := read_scenario(path)).scenario is not None
    }
    at_hand = runs | {f"scenario {name}" for name in (*own, *scenario_files.names())}
    absent = {}
    for kind in (contents.RESULTS, contents.DOCUMENTS):
        for name, path in contents.of_kind(files, kind).items():
            content = document_file.read_content(path)
            lacking = _needed([*content.results, *content.grades]) - at_hand
            if lacking:
                absent[name] = tuple(sorted(lacking))
    return absent


def _needed(results: Iterable[Any]) -> set[str]:
    return {name for result in results for name in _needs(result)}


@singledispatch
def _needs(result: Any) -> Iterator[str]:
    """The ids of runs, and "scenario NAME"."""
    raise TypeError(type(result))


@_needs.register
def _(result: Measurement) -> Iterator[str]:
    yield result.id


@_needs.register
def _(result: Comparison) -> Iterator[str]:
    yield result.baseline
    yield result.candidate


@_needs.register
def _(result: Projection) -> Iterator[str]:
    yield f"scenario {result.scenario}"
    for pair in result.comparisons:
        yield from pair


@_needs.register
def _(result: Study) -> Iterator[str]:
    for cell in result.cells:
        for variant in cell.runs:
            if variant.run is not None:
                yield variant.run


@_needs.register
def _(result: Grade) -> Iterator[str]:
    yield result.measurement
