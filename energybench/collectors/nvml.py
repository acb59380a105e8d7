"""NVIDIA boards through NVML: energy counter and power of every GPU of the node, used or unused.

Only this file imports pynvml; nvml_board.py, nvml_fields.py and nvml_channels.py take the library
as an argument. Sources are cited in these files by name: NVML = NVIDIA's NVML API reference and
nvml.h; SC24 = Yang, Adamek, Armour, "Accurate and convenient energy measurements for GPUs", SC24,
arXiv 2312.02741; zeus 172 = github.com/ml-energy/zeus/pull/172.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from energybench.collectors import accelerators, nvml_reasons
from energybench.collectors.accelerators import NVIDIA, Accelerator, Cause
from energybench.collectors.cuda_devices import no_device, visible
from energybench.collectors.nvml_board import (
    OpenBoard,
    code_of,
    condition,
    describe,
    open_boards,
    processes,
)
from energybench.collectors.nvml_channels import channel, scope_doubts, unreadable
from energybench.collectors.nvml_fields import BoardReader, probe
from energybench.model import Channel, Condition, Doubt, Gpu
from energybench.plugins import Context, Reading, Unavailable
from energybench.units import counted

_LIBRARY = "libnvidia-ml.so.1"


class _NotStarted(Exception):
    """NVML that does not start: NVML's return code, and NVML's or the loader's own words."""

    def __init__(self, code: int, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(words)


class Nvml:
    """All GPUs of the node.

    After Unavailable and after `close`, `gpus()` and `doubts()` still describe the GPUs of the last
    `open`. Boards that NVML does not read are described by the kernel's lists.
    """

    name = "nvml"
    about = (
        "NVIDIA boards (GH200: whole modules), used and idle, by the driver: energy counter and "
        "power. No part of the host."
    )
    # a driver without a board does not load
    components = ("gpu.board",)

    def __init__(self) -> None:
        self._nvml: Any = None
        self._get_fields: Any = None
        self._now: Callable[[], float] = lambda: 0.0
        self._boards: list[OpenBoard] = []
        self._readers: list[BoardReader] = []
        self._used: frozenset[str] = frozenset()
        self._gpus: tuple[Gpu, ...] = ()
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._gpus, self._doubts = (), []
        try:
            self._nvml, library = _start()
        except _NotStarted as error:
            raise self._not_started(context, error) from error
        self._get_fields = getattr(library, "nvmlDeviceGetFieldValues", None)
        self._now = context.clock.now
        # boards of the node, and the boards that the work was given
        self._boards, closed = open_boards(self._nvml)
        self._used, doubts = visible(
            context.visible_devices, context.device_order, [board.board for board in self._boards]
        )
        use_of_closed = _use_of_unopened(context)
        # The work may use boards that NVML does not open: no other board is there, or the list of
        # visible devices names more than the open boards.
        if use_of_closed is None and closed and (not self._boards or _names_more(doubts)):
            doubts = tuple(doubt for doubt in doubts if doubt.code != "visible-device-unknown")
        self._doubts = list(doubts)
        self._gpus = (
            *(self._describe(board) for board in self._boards),
            *(msgspec.structs.replace(board.gpu, used=use_of_closed) for board in closed),
        )
        # channels of the boards that answer
        channels: list[Channel] = []
        for board in self._boards:
            channels += self._open_board(context, board)
        self._doubts += [
            unreadable(board.gpu.uuid, board.gpu.name, nvml_reasons.board(board.code))
            for board in closed
        ]
        if not channels:
            self._stop()
            raise self._nothing_answers(context)
        return channels

    def read(self) -> list[int | Reading | None]:
        values: list[int | Reading | None] = []
        for reader in self._readers:
            values += reader.read_fields(self._get_fields, self._now)
            values += reader.read_queries(self._nvml.NVMLError, self._now)
        return values

    def close(self) -> None:
        self._stop()
        self._boards = []

    def gpus(self) -> Sequence[Gpu]:
        """Every GPU of the node, with clocks, temperature and throttling at the time of `open`."""
        return self._gpus

    def doubts(self) -> Sequence[Doubt]:
        return tuple(self._doubts)

    def conditions(self) -> Sequence[Condition]:
        """Temperature, SM clock and throttle reasons of every board."""
        return [
            condition(self._nvml, board.handle, board.uuid, self._now()) for board in self._boards
        ]

    def processes(self) -> Sequence[tuple[str, int]]:
        """Processes that compute on the boards that the work was given."""
        return [
            (board.uuid, pid)
            for board in self._boards
            if board.uuid in self._used
            for pid in processes(self._nvml, board.handle)
        ]

    def _not_started(self, context: Context, error: _NotStarted) -> Unavailable:
        """The reason why NVML does not start; takes NVIDIA's boards from the kernel's lists.

        If only NVML's answer shows that boards exist, their number is not known.
        """
        boards = _nvidia_boards(context)
        cause = nvml_reasons.start(error.code, error.words, context.root, boards)
        self._take_unread(context, boards, cause)
        if not boards and error.code in nvml_reasons.DRIVER_ANSWERED:
            self._gpus = (accelerators.uncounted("NVIDIA", is_used=_use_of_unopened(context)),)
            self._doubts = [accelerators.uncounted_doubt("NVIDIA", cause)]
        return Unavailable(*cause)

    def _nothing_answers(self, context: Context) -> Unavailable:
        """The reason why no board is read although NVML starts."""
        if self._gpus:
            why = dict.fromkeys(doubt.remedy for doubt in self._doubts)
            return Unavailable(
                f"none of {counted(len(self._gpus), 'GPU')} answers a power or energy query",
                "; ".join(why),
            )
        boards = _nvidia_boards(context)
        cause = nvml_reasons.no_board(boards)
        self._take_unread(context, boards, cause)
        return Unavailable(*cause)

    def _take_unread(self, context: Context, boards: Sequence[Accelerator], cause: Cause) -> None:
        use = accelerators.use_of_unread(boards, context.visible_devices)
        self._gpus = tuple(accelerators.gpu(board, is_used=use[board.id]) for board in boards)
        self._doubts = accelerators.doubts(boards, cause)

    def _stop(self) -> None:
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
        self._nvml = self._get_fields = None
        self._readers = []

    def _describe(self, board: OpenBoard) -> Gpu:
        used = board.uuid in self._used
        return describe(self._nvml, board.handle, board.uuid, board.name, used)

    def _open_board(self, context: Context, board: OpenBoard) -> list[Channel]:
        """Channels of one board; a board without any gets a doubt."""
        reader, quantities = probe(self._nvml, board, has_fields=self._get_fields is not None)
        if not quantities:
            code = code_of(self._nvml, "nvmlDeviceGetPowerUsage", board.handle)
            self._doubts.append(unreadable(board.uuid, board.name, nvml_reasons.board(code)))
            return []
        self._readers.append(reader)
        self._doubts += scope_doubts(board, quantities)
        used = board.uuid in self._used
        return [channel(context, board, used, quantity) for quantity in quantities]


def _start() -> tuple[Any, ctypes.CDLL]:
    """pynvml after nvmlInit, and the C library behind pynvml.

    Raises _NotStarted. pynvml is imported only if the C library is present.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise _NotStarted(nvml_reasons.LIBRARY_NOT_FOUND, str(error)) from error
    try:
        import pynvml
    except ImportError as error:
        raise _NotStarted(nvml_reasons.NO_BINDINGS, str(error)) from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise _NotStarted(int(error.value), str(error)) from error
    return pynvml, library


def _nvidia_boards(context: Context) -> list[Accelerator]:
    return [board for board in accelerators.accelerators(context.root) if board.vendor == NVIDIA]


def _names_more(doubts: Sequence[Doubt]) -> bool:
    """Whether the list of visible devices names more than the open boards."""
    return any(doubt.code == "visible-device-unknown" for doubt in doubts)


def _use_of_unopened(context: Context) -> bool | None:
    """Whether the work uses boards that NVML does not open: no, if every board is hidden from the
    work on purpose; otherwise not known.
    """
    value = context.visible_devices
    return False if value is not None and no_device(value) else None
