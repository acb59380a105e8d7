"""Digests of the files of a run: they prove the bytes behind a comparison later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from energybench.model import Comparison, FileDigest, Study
from energybench.store.layout import NODE, PARQUET, RUN


def of_run(directory: Path) -> tuple[FileDigest, ...]:
    """SHA-256 of run.json and of the samples; for a job, also of its nodes' files. An unreadable
    file has no digest.
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
    """The comparison with the digests of its run directories."""
    return msgspec.structs.replace(comparison, digests=(of_run(baseline), of_run(candidate)))


def study_with_digests(study: Study, directories: Mapping[str, Path]) -> Study:
    """The study with the digests of its runs, in place of stated digests. A variant whose run lacks
    a directory has no digests.

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
    """Comparisons with digests. A comparison with a run without a directory stays unchanged.

    directories  of finished runs, by the ids of their measurements; a directory is read once
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
