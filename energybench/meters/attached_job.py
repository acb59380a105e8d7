"""A meter's file added to a finished run, or to the part of its node in a finished job.

The new job stands beside the first: the part of the meter's node is a new run with the meter, the
other parts are the same files (hard links, or copies where the storage has no links), and the
result is merged from them. The first job stays as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput, StorageFailed
from energybench.meters.attach import Attached, attach_run
from energybench.meters.attached_run import Meter, Place, not_written
from energybench.store.durable import replace_file
from energybench.store.job_files import complete_job
from energybench.store.job_header import JobHeader, is_job, read_job
from energybench.store.job_parts import CLOCKS, OFFSETS, SILENT, node_folder
from energybench.store.layout import ATTACHED, JOB, NODE, PARTIAL, WINDOWS, find, is_run
from energybench.store.run import pretty

_STATEMENTS = (WINDOWS, CLOCKS, OFFSETS, SILENT)  # of the head node, beside the parts
_MOST_NAMES = 8


def attach(
    name: str, store: Path, meter: Meter, ranges: Ranges, node: str | None = None
) -> Attached:
    """Make the new run or job.

    node  the meter's node in a job; None: a run, or a job on one node
    Raises BadInput and StorageFailed; then nothing was written.
    """
    directory = find(name, store)
    if is_job(directory):
        return _attach_to_job(directory, meter, ranges, node)
    if node is not None:
        raise BadInput(
            f"--node {node}", f"{directory} is a run on one node, not a job", "leave --node out"
        )
    return attach_run(directory, meter, ranges)


def _attach_to_job(directory: Path, meter: Meter, ranges: Ranges, node: str | None) -> Attached:
    header = read_job(directory)
    new_id = header.id + ATTACHED
    final = directory.with_name(new_id)
    part = _part_of(directory, header, node)
    if final.exists():
        raise BadInput(
            str(final), "exists already", f"move it away, or attach a second meter to {final.name}"
        )
    draft = directory.with_name(PARTIAL + new_id)
    try:
        draft.mkdir()
    except FileExistsError:
        raise BadInput(str(draft), "an earlier attempt was cut off", "remove it") from None
    except OSError as error:
        raise not_written(directory, "job", error) from None
    try:
        attached = attach_run(part, meter, ranges, Place(draft, part.name))
        _copy(directory, draft, part.name)
        # last: without this file nobody takes the directory for a job that was cut off
        new = msgspec.structs.replace(header, id=new_id)
        replace_file(draft / JOB, pretty(new).encode())
        complete, measured = complete_job(draft, {})
    except BaseException as error:
        # nothing was measured here: the job and the meter's file still stand
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, StorageFailed | OSError):
            raise not_written(directory, "job", error) from None
        if isinstance(error, ValueError):
            raise BadInput(str(directory), f"cannot be merged: {error}") from None
        raise
    return attached._replace(directory=complete, measurement=measured)


def _part_of(directory: Path, header: JobHeader, node: str | None) -> Path:
    """The directory of the part of the meter's node. Raises BadInput."""
    parts = [part for part in sorted(directory.glob(f"{NODE}*")) if _is_part(part)]
    names = _names(header, parts)
    if not parts:
        raise BadInput(str(directory), "holds no part of a node", "bring the parts back")
    remedy = f"--node NAME, the node of the meter: {_listed(names)}"
    if node is None:
        if len(parts) == 1 and len(header.nodes) <= 1:
            return parts[0]
        many = max(len(header.nodes), len(parts))
        raise BadInput(
            str(directory), f"is a job on {many} nodes, and a meter belongs to one node", remedy
        )
    part = directory / node_folder(node)
    if part not in parts:
        raise BadInput(f"--node {node}", "the job holds no part of that node", remedy)
    return part


def _is_part(path: Path) -> bool:
    """Whether a directory is the part of a node; a part with a meter that was attached to it alone
    is not.
    """
    base = path.name.removesuffix(ATTACHED)
    if base != path.name and is_run(path.with_name(base)):
        return False
    return path.is_dir() and is_run(path)


def _names(header: JobHeader, parts: Sequence[Path]) -> list[str]:
    """Names of the nodes with a part."""
    by_folder = {node_folder(node): node for node in header.nodes}
    return [by_folder.get(part.name, part.name.removeprefix(NODE)) for part in parts]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _copy(directory: Path, draft: Path, attached: str) -> None:
    """The statements of the head node and the other parts. Raises OSError."""
    for name in _STATEMENTS:
        if (directory / name).is_file():
            shutil.copyfile(directory / name, draft / name)
    for part in sorted(directory.glob(f"{NODE}*")):
        if part.name != attached and _is_part(part):
            shutil.copytree(part, draft / part.name, copy_function=_linked)


def _linked(source: str, target: str) -> None:
    """A hard link; a copy on storage without links. A finished part never changes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
