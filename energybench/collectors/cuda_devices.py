"""Boards that CUDA_VISIBLE_DEVICES names. Pure: text and boards in, boards out.

CUDA's rules: the list ends at the first entry without a device; a repeated entry leaves no device
at all; a UUID may be abbreviated to any unique prefix; an index counts the MIG instances of a board
in place of the board. Sources: CUDA C++ Programming Guide, "CUDA Environment Variables";
torch.cuda._parse_visible_devices; NVIDIA MIG User Guide, "CUDA Device Enumeration".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import Doubt

_INDEX = re.compile(r"[+-]?\d+")  # as strtoul reads: "1gpu" is 1
_OLD_MIG = re.compile(r"MIG-(GPU-[^/]+)/(\d+)/(\d+)")
_NO_DEVICE_ON_PURPOSE = ("", "NoDevFiles")


class Instance(NamedTuple):
    """A MIG compute instance. `sms`: multiprocessors; None if the driver gives no number."""

    uuid: str
    gpu_instance: int
    compute_instance: int
    sms: int | None = None


class Board(NamedTuple):
    """A GPU by NVML. `sms`: multiprocessors that MIG can hand out."""

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
    """UUIDs of the boards for the work, and doubts about the choice.

    value   CUDA_VISIBLE_DEVICES; None (every board) if the variable is not set
    order   CUDA_DEVICE_ORDER; None if the variable is not set
    boards  boards that CUDA could open, in PCI order
    """
    if value is not None and _INDEX.match(value.strip()) and _has_unlisted_instances(boards):
        # Instances that NVML does not list cannot be counted: every board counts as used.
        entries, doubts = [_Entry(board, None, True) for board in boards], []
        if len(boards) > 1:
            doubts.append(_unclear_index(value))
    else:
        entries, doubts = _entries(value, boards)
    used = frozenset(entry.board.uuid for entry in entries)
    by_index = value is not None and any(entry.by_index for entry in entries)
    if by_index and value is not None and len(used) < len(boards):
        doubts += _order_doubts(value, order, boards)
    doubts += [_mig_doubt(entry) for entry in entries if entry.board.mig or entry.instance]
    return used, tuple(doubts)


def no_device(value: str) -> bool:
    """Whether the list hides every device on purpose."""
    first = value.partition(",")[0].strip()
    return first in _NO_DEVICE_ON_PURPOSE or first.startswith("-")


def _order_doubts(value: str, order: str | None, boards: Sequence[Board]) -> list[Doubt]:
    """Doubts about the devices behind the indices of a list that leaves boards out."""
    doubts = []
    names = sorted({board.name for board in boards})
    if order != "PCI_BUS_ID" and len(names) > 1:
        doubts.append(
            Doubt(
                code="cuda-order",
                message=f"CUDA_VISIBLE_DEVICES={value} counts in CUDA's own order, fastest first, "
                f"and this node has {' and '.join(names)}: the boards taken as used may be others",
                remedy="set CUDA_DEVICE_ORDER=PCI_BUS_ID for the work, or name boards by UUID",
            )
        )
    if len({board.mig for board in boards}) > 1:
        doubts.append(_unclear_index(value))
    return doubts


def _unclear_index(value: str) -> Doubt:
    return Doubt(
        code="cuda-order",
        message=f"CUDA_VISIBLE_DEVICES={value} counts MIG instances in place of their boards, and "
        "CUDA may leave out boards without instances: the boards taken as used may be others",
        remedy="name boards and MIG instances by UUID (nvidia-smi -L)",
    )


def _has_unlisted_instances(boards: Sequence[Board]) -> bool:
    return any(board.mig and not board.instances for board in boards)


def _entries(value: str | None, boards: Sequence[Board]) -> tuple[list[_Entry], list[Doubt]]:
    """The devices of the list, in order."""
    if value is None:
        return [_Entry(board, None, True) for board in boards], []
    entries: list[_Entry] = []
    devices: set[tuple[str, Instance | None]] = set()
    for text in (part.strip() for part in value.split(",")):
        entry = _device(text, boards)
        if entry is None and (text in _NO_DEVICE_ON_PURPOSE or text.startswith("-")):
            return entries, []
        if entry is None:
            problem = f"{text!r} names no GPU of this node, and CUDA ignores it and all that follow"
            return entries, [_unknown(value, problem)]
        device = (entry.board.uuid, entry.instance)
        if device in devices:
            problem = f"{text!r} comes twice, and CUDA then shows no device at all"
            return [], [_unknown(value, problem)]
        devices.add(device)
        entries.append(entry)
    return entries, []


def _device(text: str, boards: Sequence[Board]) -> _Entry | None:
    """The device of one entry; None if no device or several devices fit."""
    if index := _INDEX.match(text):
        number = int(index[0])
        devices = _numbered(boards)
        if number >= len(devices) or text.startswith("-"):
            return None
        return devices[number]
    if old := _OLD_MIG.fullmatch(text):
        return _old_instance(text, _unique(old[1], boards), int(old[2]), int(old[3]))
    if text.startswith("MIG-"):
        instances = [
            _Entry(board, instance, False)
            for board in boards
            for instance in board.instances
            if instance.uuid.startswith(text)
        ]
        return instances[0] if len(instances) == 1 else None
    if text.startswith("GPU-"):
        board = _unique(text, boards)
        return _Entry(board, None, False) if board else None
    return None


def _numbered(boards: Sequence[Board]) -> list[_Entry]:
    """The devices that an index counts: a board, or the instances of a board with MIG."""
    return [
        _Entry(board, instance, True)
        for board in boards
        for instance in (board.instances if board.mig else (None,))
    ]


def _old_instance(
    text: str, board: Board | None, gpu_instance: int, compute_instance: int
) -> _Entry | None:
    """The instance of an old name, MIG-GPU-UUID/gpu_instance/compute_instance.

    An instance outside the driver's list is taken by the numbers.
    """
    if board is None:
        return None
    for instance in board.instances:
        if (instance.gpu_instance, instance.compute_instance) == (gpu_instance, compute_instance):
            return _Entry(board, instance, False)
    return _Entry(board, Instance(text, gpu_instance, compute_instance), False)


def _unique(prefix: str, boards: Sequence[Board]) -> Board | None:
    matches = [board for board in boards if board.uuid.startswith(prefix)]
    return matches[0] if len(matches) == 1 else None


def _unknown(value: str, problem: str) -> Doubt:
    return Doubt(
        code="visible-device-unknown",
        message=f"CUDA_VISIBLE_DEVICES={value}: {problem}",
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
