"""The parts of a job in one boundary: the meter of one node does not stand for the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench import data
from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.node_doubts import first_names
from energybench.errors import BadInput
from energybench.model import BoundaryName, Doubt, Measurement
from energybench.store.recomputed import recomputed


class OneBoundary(NamedTuple):
    """Results of the parts in one boundary, by the names of their directories.

    unfit   reasons, in words, for parts without a result in the boundary
    """

    name: BoundaryName
    measured: dict[str, Measurement]
    unfit: dict[str, str]
    doubts: tuple[Doubt, ...] = ()


def in_one_boundary(
    directory: Path,
    stated: BoundaryName,
    measured: Mapping[str, Measurement],
    ranges: Ranges | None,
) -> OneBoundary:
    """The parts in the boundary of all of them, or else in the stated boundary of the job, in which
    a meter attached to some of the nodes is a reference that is not summed.

    ranges  of parts without a sensor; None: the stated ranges
    """
    names = {part.boundary.name for part in measured.values()}
    if len(names) <= 1:
        return OneBoundary(next(iter(names), stated), dict(measured), {})
    in_stated: dict[str, Measurement] = {}
    unfit: dict[str, str] = {}
    for folder, part in measured.items():
        if part.boundary.name == stated:
            in_stated[folder] = part
            continue
        boundary = msgspec.structs.replace(part.boundary, name=stated)
        wanted = msgspec.structs.replace(part, boundary=boundary)
        try:
            in_stated[folder] = recomputed(
                directory / folder, wanted, ranges or data.stated_ranges()
            )
        except (BadInput, ValueError) as why:
            unfit[folder] = f"its energy in the boundary {stated} is not known ({why})"
    metered = [part.host.name for part in measured.values() if part.boundary.name != stated]
    doubt = Doubt(
        code="meter-of-some-nodes",
        message=f"a node meter was attached to {first_names(metered)}, and not to all "
        f"{len(measured)} nodes that were read, or not on the same side of their supplies: the "
        f"energy of the job is that of boundary {stated} on all nodes, and "
        "the meter is a reference beside it",
        remedy="attach the meters of the other nodes to this job: `energybench attach JOB --node "
        "NAME --meter FILE`",
    )
    return OneBoundary(stated, in_stated, unfit, (doubt,))
