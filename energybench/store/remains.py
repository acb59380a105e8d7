"""Usable data of a job whose results its storage did not take, for `energybench recover`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import REPEAT
from energybench.store import sampled_lines, samples
from energybench.store.job_header import read_job
from energybench.store.job_parts import node_folder
from energybench.store.layout import PARTIAL, SAMPLES
from energybench.store.run import read_header, read_lines, record
from energybench.store.sampled_lines import SampledLines


class Remains(NamedTuple):
    """Data of a job on disk.

    nodes  nodes with samples that give the energy of a repeat, or of a part of a repeat
    times  whether the times of a repeat, or of a part of a repeat, exist
    """

    nodes: tuple[str, ...]
    times: bool


def remains_of(directory: Path, nodes: Iterable[str]) -> Remains:
    """Data on disk of these nodes, which have no result. Without the head node's record of a
    started repeat, the nodes' files are useless.
    """
    try:
        read_job(directory)
        lines = read_lines(directory)
    except BadInput:
        return Remains((), times=False)
    times = any(line.window is not None and line.window.label == REPEAT for line in lines)
    if not times and not any(line.opening is not None for line in lines):
        return Remains((), times=False)
    parts = {node: directory / (PARTIAL + node_folder(node)) for node in nodes}
    sampled = {node: _sampled(part) for node, part in parts.items()}
    of_use = {node: lines for node, lines in sampled.items() if lines is not None}
    return Remains(
        tuple(node for node, lines in of_use.items() if lines.last_s is not None),
        times=times or bool(of_use),
    )


def _sampled(part: Path) -> SampledLines | None:
    """The lines of a part that states a repeat, or a part of a repeat; None without a repeat."""
    try:
        header = read_header(part)
        sampled = sampled_lines.of_run(part, header, samples.read_stream(part / SAMPLES))
        repeats = record(header, sampled.lines, last_s=sampled.last_s).repeats
    except BadInput:
        return None
    return sampled if repeats else None
