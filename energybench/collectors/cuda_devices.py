"""Which boards CUDA_VISIBLE_DEVICES names. Pure: text and boards in, boards out.

CUDA's rules: the list is cut at the first entry that names no device; a repeated entry leaves no
device at all; UUIDs may be abbreviated while they stay unique. Source: CUDA C++ Programming Guide,
"CUDA Environment Variables"; torch.cuda._parse_visible_devices.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import Doubt

_INDEX = re.compile(r"[+-]?\d+")  # as strtoul reads: "1gpu" is 1
_OLD_MIG = re.compile(r"MIG-(GPU-[^/]+)/(\d+)/(\d+)")
_NONE_ON_PURPOSE = ("", "NoDevFiles")


class Instance(NamedTuple):
    """A MIG compute instance. `sms`: its multiprocessors; None where the driver does not say."""

    uuid: str
    gpu_instance: int
    compute_instance: int
    sms: int | None = None


class Board(NamedTuple):
    """A GPU as NVML knows it. `sms`: multiprocessors that MIG can hand out."""

    uuid: str
    name: str
    mig: bool = False
    instances: tuple[Instance, ...] = ()
    sms: int | None = None


class _Entry(NamedTuple):
    board: Board
    instance: Instance | None
    by_index: bool


def visible(
    value: str | None, order: str | None, boards: Sequence[Board]
) -> tuple[frozenset[str], tuple[Doubt, ...]]:
    """UUIDs of the boards that the work may use, and what could not be told.

    value   CUDA_VISIBLE_DEVICES as it stands; None: not set, all boards
    order   CUDA_DEVICE_ORDER as it stands
    boards  those that CUDA could open, in PCI order
    """
    entries, doubts = _entries(value, boards)
    used = frozenset(entry.board.uuid for entry in entries)
    names = {board.name for board in boards}
    if (
        value is not None
        and any(entry.by_index for entry in entries)
        and order != "PCI_BUS_ID"
        and len(names) > 1
        and len(used) < len(boards)
    ):
        doubts.append(
            Doubt(
                code="cuda-order",
                message=f"CUDA_VISIBLE_DEVICES={value} counts in CUDA's own order, fastest first, "
                f"and this node has {' and '.join(sorted(names))}: the boards taken as used may be "
                "others",
                remedy="set CUDA_DEVICE_ORDER=PCI_BUS_ID for the work, or name boards by UUID",
            )
        )
    doubts += [_mig_doubt(entry) for entry in entries if entry.board.mig or entry.instance]
    return used, tuple(doubts)


def _entries(value: str | None, boards: Sequence[Board]) -> tuple[list[_Entry], list[Doubt]]:
    if value is None:
        return [_Entry(board, None, True) for board in boards], []
    entries: list[_Entry] = []
    for written in (part.strip() for part in value.split(",")):
        entry = _find(written, boards)
        if entry is None:
            on_purpose = written in _NONE_ON_PURPOSE or written.startswith("-")
            return entries, [] if on_purpose else [
                _unknown(
                    value,
                    f"{written!r} names no GPU of this node, and CUDA ignores it and all that "
                    "follow",
                )
            ]
        if any((entry.board, entry.instance) == (other.board, other.instance) for other in entries):
            return [], [
                _unknown(value, f"{written!r} comes twice, and CUDA then shows no device at all")
            ]
        entries.append(entry)
    return entries, []


def _find(written: str, boards: Sequence[Board]) -> _Entry | None:
    """The device that one entry names; None where there is none, or more than one."""
    if index := _INDEX.match(written):
        number = int(index[0])
        return (
            _Entry(boards[number], None, True)
            if 0 <= number < len(boards) and not written.startswith("-")
            else None
        )
    if old := _OLD_MIG.fullmatch(written):
        parent = _unique(old[1], boards)
        where = (int(old[2]), int(old[3]))
        known = (
            [
                each
                for each in parent.instances
                if (each.gpu_instance, each.compute_instance) == where
            ]
            if parent
            else []
        )
        return (
            _Entry(parent, known[0] if known else Instance(written, *where), False)
            if parent
            else None
        )
    if written.startswith("MIG-"):
        found = [
            _Entry(board, each, False)
            for board in boards
            for each in board.instances
            if each.uuid.startswith(written)
        ]
        return found[0] if len(found) == 1 else None
    if written.startswith("GPU-"):
        board = _unique(written, boards)
        return _Entry(board, None, False) if board else None
    return None


def _unique(prefix: str, boards: Sequence[Board]) -> Board | None:
    found = [board for board in boards if board.uuid.startswith(prefix)]
    return found[0] if len(found) == 1 else None


def _unknown(value: str, what: str) -> Doubt:
    message = f"CUDA_VISIBLE_DEVICES={value}: {what}"
    return Doubt(
        code="visible-device-unknown",
        message=message,
        remedy="compare with nvidia-smi -L inside the same job or container",
        subject=value,
    )


def _mig_doubt(entry: _Entry) -> Doubt:
    board, instance = entry.board, entry.instance
    if instance is None:
        share = "MIG is on and the instance that the work gets is not named"
    elif instance.sms and board.sms:
        share = (
            f"the instance {instance.uuid} has {instance.sms} of {board.sms} multiprocessors "
            f"({100 * instance.sms / board.sms:.0f} %)"
        )
    else:
        share = f"the share of the instance {instance.uuid} is not known"
    message = (
        f"power and energy of {board.uuid} ({board.name}) exist for the whole board only, so all "
        f"its joules are counted; {share}"
    )
    return Doubt(
        code="mig-parent",
        message=message,
        remedy="give the work the whole board, or take the result as an upper bound for the "
        "instance",
        subject=board.uuid,
    )
