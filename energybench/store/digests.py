"""Digests of the files of a run: they prove later from which bytes a comparison was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from energybench.model import Comparison, FileDigest, Study
from energybench.store.layout import NODE, PARQUET, RUN


def of_run(directory: Path) -> tuple[FileDigest, ...]:
    """SHA-256 of run.json and of the samples, of a job those of its nodes too. A file that cannot
    be read has no digest.
    """
    names = [RUN, PARQUET]
    for part in sorted(directory.glob(f"{NODE}*")):
        names += [f"{part.name}/{RUN}", f"{part.name}/{PARQUET}"]
    digests = []
    for name in names:
        try:
            with (directory / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
        digests.append(FileDigest(path=name, sha256=digest))
    return tuple(digests)


def with_digests(comparison: Comparison, baseline: Path, candidate: Path) -> Comparison:
    """The comparison with the digests of the run directories from which it was made."""
    return msgspec.structs.replace(comparison, digests=(of_run(baseline), of_run(candidate)))


def study_with_digests(study: Study, directories: Mapping[str, Path]) -> Study:
    """The study with the digests of its runs, in place of those that it states. A variant whose
    run has no directory has none.

    directories  of finished runs, by the ids of their measurements
    """
    cells = []
    for cell in study.cells:
        runs = []
        for variant in cell.runs:
            directory = directories.get(variant.run or "")
            present = None if directory is None else of_run(directory)
            runs.append(msgspec.structs.replace(variant, digests=present))
        cells.append(msgspec.structs.replace(cell, runs=tuple(runs)))
    return msgspec.structs.replace(study, cells=tuple(cells))


def of_stored(
    comparisons: Iterable[Comparison], directories: Mapping[str, Path]
) -> list[Comparison]:
    """Comparisons with digests. A comparison of which a run has no directory stays as it is.

    directories  of finished runs, by the ids of their measurements; each is read once
    """
    known: dict[str, tuple[FileDigest, ...]] = {}
    complete = []
    for comparison in comparisons:
        sides = (comparison.baseline, comparison.candidate)
        if all(side in directories for side in sides):
            for side in sides:
                if side not in known:
                    known[side] = of_run(directories[side])
            digests = (known[sides[0]], known[sides[1]])
            comparison = msgspec.structs.replace(comparison, digests=digests)
        complete.append(comparison)
    return complete
