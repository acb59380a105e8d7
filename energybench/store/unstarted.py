"""Nodes of a launch of ranks on which no program could be started, such as a program that does not
exist: each node leaves a mark with the number of its ranks, and no part. Once every node of the
launch has left its mark, nothing was or will be measured, and the directory is removed.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from energybench.errors import BadInput
from energybench.store.job_header import JobHeader, read_job
from energybench.store.job_parts import node_folder
from energybench.store.layout import JOB, NODE

_MARK = "unstarted-"
_MOST_BYTES = 20


def leave_unstarted(directory: Path, node: str, ranks: int) -> None:
    """Leave the mark of a node, and remove the directory if it is the last node.

    node  name of the node's part
    """
    with suppress(OSError):  # full storage: the directory without a mark is removed when quiet
        (directory / f"{_MARK}{node}").write_text(str(ranks), "ascii")
    if nothing_started(directory):
        remove_unstarted(directory)


def forget_unstarted(directory: Path, node: str) -> None:
    """Take the mark of a node away: the node starts another program in the same launch."""
    with suppress(OSError):
        (directory / f"{_MARK}{node}").unlink(missing_ok=True)


def is_mark(path: Path) -> bool:
    return path.name.startswith(_MARK + NODE)


def unstarted(directory: Path, header: JobHeader) -> dict[str, str]:
    """Words on each node of a launch on which nothing was started."""
    marks = {path.name.removeprefix(_MARK) for path in directory.glob(f"{_MARK}*")}
    why = "none of its ranks could start its program"
    return {node: why for node in header.nodes if node_folder(node) in marks}


def nothing_started(directory: Path) -> bool:
    """Whether the directory holds the marks of all nodes of its launch, and no part."""
    marks = {path.name.removeprefix(_MARK): path for path in directory.glob(f"{_MARK}*")}
    try:
        entries = [entry.name for entry in directory.iterdir() if not is_mark(entry)]
        header = read_job(directory)
    except (BadInput, OSError):
        return False
    if not marks or entries != [JOB] or header.windows_by != "nodes":
        return False
    if header.nodes:
        return set(marks) >= {node_folder(node) for node in header.nodes}
    counts = [_number(path) for path in marks.values()]
    return header.job.ranks is not None and sum(counts) >= header.job.ranks


def remove_unstarted(directory: Path) -> None:
    """Remove marks, header and directory; another node may do so at the same time."""
    with suppress(OSError):
        for path in (*directory.glob(f"{_MARK}*"), directory / JOB):
            path.unlink(missing_ok=True)
        directory.rmdir()


def _number(path: Path) -> int:
    try:
        text = path.read_text("ascii")[:_MOST_BYTES]
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdigit() else 0
