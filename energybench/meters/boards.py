"""Names of boards in a meter's file: the UUID of nvidia-smi, with or without its prefix, and slices
of a board (MIG).

Source of the labels: NVIDIA, dcgm-exporter (UUID, GPU_I_ID of a MIG instance).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from energybench.errors import BadInput
from energybench.meters import name_parts

SLICE = "a slice (MIG) of the board, not the whole board"

_PREFIXED = re.compile(r"GPU-[0-9a-f]+(?:-[0-9a-f]+)*", re.I)  # as nvidia-smi writes it
_BARE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_WITHIN = re.compile(rf"(?<![\w-])(?:{_PREFIXED.pattern}|{_BARE.pattern})(?![\w-])", re.I)
_SLICE = re.compile(r"(?<![a-z])MIG-[0-9a-f]", re.I)
# words of a label whose UUIDs are those of boards; others are those of hosts, pods and machines
_OF_BOARDS = frozenset(
    (
        *("uuid", "guid", "gpu", "gpus", "board", "card", "device", "dev", "accelerator", "nvidia"),
        *("id", "name", "index"),
    )
)


def is_board(label: str, value: str) -> bool:
    """Whether the value of a label or the cell of a column is the UUID of a board."""
    if _PREFIXED.fullmatch(value):
        return True
    named = _OF_BOARDS.issuperset(name_parts.words(label))
    return named and _BARE.fullmatch(value) is not None


def plain(value: str) -> str:
    """A UUID without its prefix, in small letters: UUIDs of one board are then alike."""
    return value.strip().lower().removeprefix("gpu-")


def is_slice(label: str, value: str) -> bool:
    """Whether the value of a label names a slice of a board, and not the whole board."""
    whole = value.strip().lower() in ("", "-", "n/a", "[n/a]", "none", "disabled")
    instance = label.upper() in ("GPU_I_ID", "GPU_I_PROFILE", "MIG_UUID")
    return (instance and not whole) or _SLICE.search(value) is not None


def check_name(name: str, board: str, where: str) -> None:
    """Raises BadInput if a name of a column holds the UUID of another board alone."""
    named = _WITHIN.findall(name)
    if named and is_board("gpu", board) and not holds(named, board):
        raise other(board, where, f"column {name!r} names {', '.join(named[:4])}")


def names(name: str, board: str) -> bool:
    """Whether a name of a column holds the UUID of the board."""
    return holds(_WITHIN.findall(name), board)


def check_labels(labels: Mapping[str, str], board: str, where: str) -> None:
    """Raises BadInput if the labels of a series hold the UUID of another board."""
    named = {label: value for label, value in labels.items() if is_board(label, value)}
    if named and is_board("gpu", board) and not holds(named.values(), board):
        label, value = next(iter(named.items()))
        raise other(board, where, f"label {label!r} holds {value}")


def holds(values: Iterable[str], board: str) -> bool:
    return plain(board) in map(plain, values)


def other(board: str, where: str, why: str) -> BadInput:
    """The refusal of rows or of a series of another board."""
    return BadInput(
        f"--board {board}",
        f"the rows of {where} are of another board: {why}",
        "the --board of these rows, or the --select and the file of this board",
    )
