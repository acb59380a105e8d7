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

from energybench.collectors.cuda_devices import visible
from energybench.collectors.nvml_board import OpenBoard, condition, describe, open_boards, processes
from energybench.collectors.nvml_channels import channel, scope_doubts, unreadable
from energybench.collectors.nvml_fields import BoardReader, probe
from energybench.model import Channel, Condition, Doubt, Gpu
from energybench.plugins import Context, Reading, Unavailable

_LIBRARY = "libnvidia-ml.so.1"

_LIBRARY_NOT_FOUND = 12
_START_ERRORS = {  # NVML_ERROR_*: reason, remedy
    4: (
        "NVML refuses this user (no permission)",
        "give the user access to /dev/nvidia*; in a container or job, ask for the GPUs",
    ),
    9: ("the NVIDIA driver is not loaded", "run on a node with a GPU, or as root: modprobe nvidia"),
    _LIBRARY_NOT_FOUND: (
        "libnvidia-ml.so.1 was not found",
        "install the NVIDIA driver; in a container use --gpus all (Docker) or --nv (Apptainer)",
    ),
    18: (
        "libnvidia-ml and the loaded driver have different versions",
        "reboot or reload the nvidia modules after the update; in a container match the host",
    ),
}


class Nvml:
    """All GPUs of the node.

    After Unavailable and after `close`, `gpus()` and `doubts()` still describe the GPUs of the last
    `open`.
    """

    name = "nvml"
    about = (
        "NVIDIA boards (GH200: whole modules), used and idle, by the driver: energy counter and "
        "power. No part of the host."
    )

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
        self._nvml, library = _start()
        self._get_fields = getattr(library, "nvmlDeviceGetFieldValues", None)
        self._now = context.clock.now
        # boards of the node, and the boards that the work was given
        self._boards, closed = open_boards(self._nvml)
        self._used, doubts = visible(
            context.visible_devices, context.device_order, [board.board for board in self._boards]
        )
        self._doubts = list(doubts)
        self._gpus = (*(self._describe(board) for board in self._boards), *closed)
        # channels of the boards that answer
        channels: list[Channel] = []
        for board in self._boards:
            channels += self._open_board(context, board)
        self._doubts += [unreadable(gpu.uuid, gpu.name) for gpu in closed]
        if not channels:
            self._stop()
            raise _nothing_answers(len(self._gpus))
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
            self._doubts.append(unreadable(board.uuid, board.name))
            return []
        self._readers.append(reader)
        self._doubts += scope_doubts(board, quantities)
        used = board.uuid in self._used
        return [channel(context, board, used, quantity) for quantity in quantities]


def _start() -> tuple[Any, ctypes.CDLL]:
    """pynvml after nvmlInit, and the C library behind pynvml.

    Raises Unavailable. pynvml is imported only if the C library is present.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        reason, remedy = _START_ERRORS[_LIBRARY_NOT_FOUND]
        if "cannot open shared object file" not in str(error):
            reason = f"{_LIBRARY} does not load: {error}".replace("\n", " ")
        raise Unavailable(reason, remedy) from error
    try:
        import pynvml
    except ImportError as error:
        raise Unavailable(
            "the Python package nvidia-ml-py is not installed", "pip install nvidia-ml-py"
        ) from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        unknown = (
            f"NVML does not start: {error}",
            "run nvidia-smi, which meets the same error, and look at dmesg",
        )
        raise Unavailable(*_START_ERRORS.get(error.value, unknown)) from error
    return pynvml, library


def _nothing_answers(gpus: int) -> Unavailable:
    if not gpus:
        return Unavailable(
            "NVML works and finds no GPU",
            "run on a node with an NVIDIA GPU; in a job or container, ask for the GPUs",
        )
    return Unavailable(
        f"none of {gpus} GPUs answers a power or energy query",
        "on Jetson read the board's own rail sensors; in a container, vGPU or job ask for access "
        "to the board's power readings",
    )
