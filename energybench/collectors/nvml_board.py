"""NVML's description of a board, apart from readings: identity, MIG instances, state, processes.

The library is an argument: only collectors/nvml.py imports pynvml. NVML may refuse any single query
(not supported, no permission, a function that an old library lacks): the answer is then None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from energybench.collectors.cuda_devices import Board, Instance
from energybench.collectors.nvml_reasons import NOT_SUPPORTED, UNKNOWN
from energybench.model import Condition, Gpu

_CLOCK_SM, _CLOCK_MEMORY = 1, 2  # nvmlClockType_t
_TEMPERATURE_GPU = 0  # nvmlTemperatureSensors_t
# NVML_GPU_INSTANCE_PROFILE_7_SLICE and _4_SLICE (A30): an instance of the whole board
_PROFILES_OF_WHOLE_BOARD = (4, 3)
# peaks above a board's limit reach about twice the limit for milliseconds; a reading of three times
# the limit is not plausible
_MAX_OVER_LIMIT = 3.0
_THROTTLE = {  # nvmlClocksThrottleReason*, nvml.h
    0x001: "gpu-idle",
    0x002: "applications-clocks",
    0x004: "sw-power-cap",
    0x008: "hw-slowdown",
    0x010: "sync-boost",
    0x020: "sw-thermal",
    0x040: "hw-thermal",
    0x080: "hw-power-brake",
    0x100: "display-clock",
    0x200: "board-limit",
    0x400: "reliability",
}


class OpenBoard(NamedTuple):
    """A board with an NVML handle.

    capability   CUDA compute capability (major, minor); None if NVML does not answer
    power_limit_w  largest power limit of the board; None if the board states none
    """

    handle: Any
    board: Board
    capability: tuple[int, int] | None
    power_limit_w: float | None

    @property
    def max_power_w(self) -> float | None:
        """Bound of real readings."""
        return None if self.power_limit_w is None else _MAX_OVER_LIMIT * self.power_limit_w

    @property
    def uuid(self) -> str:
        return self.board.uuid

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def is_gh200(self) -> bool:
        return "GH200" in self.board.name


def ask(nvml: Any, name: str, *arguments: Any) -> Any:
    """The answer to one NVML query; None if NVML refuses the query or pynvml lacks the function."""
    function: Callable[..., Any] | None = getattr(nvml, name, None)
    if function is None:
        return None
    try:
        return function(*arguments)
    except nvml.NVMLError:
        return None


def code_of(nvml: Any, name: str, *arguments: Any) -> int:
    """NVML's return code of one query; 0 for an answer, NOT_SUPPORTED if pynvml lacks the query."""
    function: Callable[..., Any] | None = getattr(nvml, name, None)
    if function is None:
        return NOT_SUPPORTED
    try:
        function(*arguments)
    except nvml.NVMLError as error:
        return int(getattr(error, "value", UNKNOWN))
    return 0


class ClosedBoard(NamedTuple):
    """A board that NVML counts and does not open, and NVML's return code."""

    gpu: Gpu
    code: int


def open_boards(nvml: Any) -> tuple[list[OpenBoard], list[ClosedBoard]]:
    """Boards in PCI order, and boards that NVML does not open (lost, or of another job).

    CUDA leaves closed boards out of its count, too.
    """
    boards, closed = [], []
    for i in range(ask(nvml, "nvmlDeviceGetCount") or 0):
        handle = ask(nvml, "nvmlDeviceGetHandleByIndex", i)
        uuid = _text(ask(nvml, "nvmlDeviceGetUUID", handle)) if handle is not None else None
        if uuid is None:
            code = code_of(nvml, "nvmlDeviceGetHandleByIndex", i)
            if code == 0:
                code = code_of(nvml, "nvmlDeviceGetUUID", handle)
            gpu = Gpu(uuid=f"unreadable-{i}", name="GPU that NVML does not open", used=None)
            closed.append(ClosedBoard(gpu, code))
            continue
        name = _text(ask(nvml, "nvmlDeviceGetName", handle)) or "unknown GPU"
        board = Board(uuid, name)
        if mig_on(nvml, handle):
            board = Board(uuid, name, True, instances(nvml, handle), partition_sms(nvml, handle))
        limits = ask(nvml, "nvmlDeviceGetPowerManagementLimitConstraints", handle)
        limit_w = limits[1] / 1e3 if limits and limits[1] else None
        capability = ask(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
        boards.append(OpenBoard(handle, board, tuple(capability) if capability else None, limit_w))
    return boards, closed


def describe(nvml: Any, handle: Any, uuid: str, name: str, used: bool) -> Gpu:
    """Provenance of one board, with its present state."""
    cuda = ask(nvml, "nvmlSystemGetCudaDriverVersion")
    pci = ask(nvml, "nvmlDeviceGetPciInfo", handle)
    memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    limits = ask(nvml, "nvmlDeviceGetPowerManagementLimitConstraints", handle) or (None, None)
    ecc = ask(nvml, "nvmlDeviceGetEccMode", handle)
    persistence = ask(nvml, "nvmlDeviceGetPersistenceMode", handle)
    return Gpu(
        uuid=uuid,
        name=name,
        used=used,
        driver=_text(ask(nvml, "nvmlSystemGetDriverVersion")),
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        pci_bus_id=_text(pci.busId) if pci is not None else None,
        serial=_text(ask(nvml, "nvmlDeviceGetSerial", handle)),
        memory_bytes=int(memory.total) if memory is not None else None,
        power_limit_w=_watts(ask(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle)),
        power_limit_default_w=_watts(ask(nvml, "nvmlDeviceGetPowerManagementDefaultLimit", handle)),
        power_limit_min_w=_watts(limits[0]),
        power_limit_max_w=_watts(limits[1]),
        sm_clock_mhz=ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_SM),
        sm_clock_max_mhz=ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, _CLOCK_SM),
        memory_clock_mhz=ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_MEMORY),
        memory_clock_max_mhz=ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, _CLOCK_MEMORY),
        persistence=None if persistence is None else bool(persistence),
        ecc=bool(ecc[0]) if ecc is not None else None,
        mig=mig_on(nvml, handle),
        temperature_c=_temperature(nvml, handle),
        throttle_reasons=_throttle(nvml, handle),
    )


def condition(nvml: Any, handle: Any, uuid: str, t_s: float) -> Condition:
    """Present state of one board, by three queries."""
    celsius = _temperature(nvml, handle)
    mhz = ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_SM)
    return Condition(
        t_s=t_s,
        device=uuid,
        temperature_c=None if celsius is None else float(celsius),
        clock_mhz=None if mhz is None else float(mhz),
        throttle=_throttle(nvml, handle),
    )


def processes(nvml: Any, handle: Any) -> list[int]:
    """Ids, by the host's count, of processes that compute on a board and on its MIG instances."""
    for query in (
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetComputeRunningProcesses_v2",
    ):
        entries = ask(nvml, query, handle)
        if entries is not None:
            return sorted({int(entry.pid) for entry in entries})
    return []


def mig_on(nvml: Any, handle: Any) -> bool | None:
    mode = ask(nvml, "nvmlDeviceGetMigMode", handle)
    return None if mode is None else bool(mode[0])


def instances(nvml: Any, handle: Any) -> tuple[Instance, ...]:
    """The MIG compute instances of a board."""
    members = []
    for i in range(ask(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        instance = ask(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, i)
        uuid = ask(nvml, "nvmlDeviceGetUUID", instance) if instance is not None else None
        if uuid is None:
            continue  # the numbers of MIG instances have gaps
        gpu_instance = ask(nvml, "nvmlDeviceGetGpuInstanceId", instance)
        compute_instance = ask(nvml, "nvmlDeviceGetComputeInstanceId", instance)
        attributes = ask(nvml, "nvmlDeviceGetAttributes", instance)
        members.append(
            Instance(
                str(_text(uuid)),
                -1 if gpu_instance is None else int(gpu_instance),
                -1 if compute_instance is None else int(compute_instance),
                int(attributes.multiprocessorCount) if attributes is not None else None,
            )
        )
    return tuple(members)


def partition_sms(nvml: Any, handle: Any) -> int | None:
    """Multiprocessors of a MIG instance of the whole board."""
    for profile in _PROFILES_OF_WHOLE_BOARD:
        info = ask(nvml, "nvmlDeviceGetGpuInstanceProfileInfo", handle, profile)
        if info is not None and info.multiprocessorCount:
            return int(info.multiprocessorCount)
    return None


def _temperature(nvml: Any, handle: Any) -> int | None:
    # nvmlDeviceGetTemperature is deprecated in favour of nvmlDeviceGetTemperatureV, but bindings
    # before 12.570 and older drivers lack the newer function.
    for query in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"):
        celsius = ask(nvml, query, handle, _TEMPERATURE_GPU)
        if celsius is not None:
            return int(celsius)
    return None


def _throttle(nvml: Any, handle: Any) -> str | None:
    for query in (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
    ):
        mask = ask(nvml, query, handle)
        if mask is not None:
            return ", ".join(word for bit, word in _THROTTLE.items() if mask & bit) or "none"
    return None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1e3


def _text(value: str | bytes | None) -> str | None:
    """Text of an answer: old bindings answer with bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
