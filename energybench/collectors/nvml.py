"""NVIDIA boards through NVML: energy counter and power of every GPU of the node, used or not. The
only file that imports pynvml.

Sources, cited below by name: NVML = NVIDIA's NVML API reference and nvml.h; SC24 = Yang, Adamek,
Armour, "Accurate and convenient energy measurements for GPUs", SC24, arXiv 2312.02741; zeus 172 =
github.com/ml-energy/zeus/pull/172.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from energybench.collectors import ranks
from energybench.collectors.cuda_devices import Board, visible
from energybench.collectors.nvml_board import (
    ask,
    condition,
    describe,
    instances,
    mig_on,
    partition_sms,
    processes,
)
from energybench.model import Channel, Condition, Doubt, Gpu
from energybench.plugins import Context, Reading, Unavailable

_LIBRARY = "libnvidia-ml.so.1"

# Field ids and scopes: nvml.h. Scope MODULE is a superchip (CPU, GPU and memory), MEMORY the GPU's
# own memory.
_ENERGY, _AVERAGE, _INSTANT = 83, 185, 186
_GPU, _MODULE, _MEMORY = 0, 1, 2
_FIELDS = (
    (_ENERGY, _GPU),
    (_INSTANT, _GPU),
    (_AVERAGE, _GPU),
    (_INSTANT, _MODULE),
    (_AVERAGE, _MODULE),
    (_INSTANT, _MEMORY),
    (_AVERAGE, _MEMORY),
)
_QUANTITY = {_ENERGY: "energy", _AVERAGE: "power_average", _INSTANT: "power_instant"}
_COMPONENT = {_GPU: "gpu.board", _MODULE: "module", _MEMORY: "gpu.memory"}
_IN_MODULE = ("gpu.board", "gpu.memory", "cpu.package", "cpu.dram")
_TYPES = (  # by nvmlValueType_t: how a value lies in memory, and its name in pynvml's union
    (ctypes.c_double, "dVal"),
    (ctypes.c_uint, "uiVal"),
    (ctypes.c_ulong, "ulVal"),
    (ctypes.c_ulonglong, "ullVal"),
    (ctypes.c_longlong, "sllVal"),
    (ctypes.c_int, "siVal"),
    (ctypes.c_ushort, "usVal"),
)

# "about 100 ms" on data-centre boards (ml.energy), 10 ms on some older ones: a prior, to be
# measured
_COUNTER_PERIOD_S = 0.1
_AVERAGE_WINDOW_S = 1.0  # NVML on field 185; SC24 sees H100's rise over about 1 s
# Part-time sensors: one reading in 100 ms, each the mean of the last 25 ms only (SC24, table of
# A100 and H100; 9.0 is all of GH100).
_PART_TIME = {(8, 0), (9, 0)}
_PART_TIME_PERIOD_S, _PART_TIME_WINDOW_S = 0.1, 0.025
_LAG_U_S = (
    0.1 / 12**0.5
    # no study separates the delay of publishing from the period: zero, rectangular within half a
    # period
)
# peaks above a board's limit reach about twice it for milliseconds; three times is no reading
_MAX_OVER_LIMIT = 3.0

_INIT = {  # NVML_ERROR_*: reason, remedy
    4: (
        "NVML refuses this user (no permission)",
        "give the user access to /dev/nvidia*; in a container or job, ask for the GPUs",
    ),
    9: ("the NVIDIA driver is not loaded", "run on a node with a GPU, or as root: modprobe nvidia"),
    12: (
        "libnvidia-ml.so.1 was not found",
        "install the NVIDIA driver; in a container use --gpus all (Docker) or --nv (Apptainer)",
    ),
    18: (
        "libnvidia-ml and the loaded driver have different versions",
        "reboot or reload the nvidia modules after the update; in a container match the host",
    ),
}
_NO_LIBRARY = _INIT[12]


class _Reader(NamedTuple):
    """How one board is read: one call for its fields, and one for each query that the field
    interface lacks.
    """

    handle: Any
    fields: Any  # ctypes array, filled anew by each call; None: no field answers
    cells: tuple[
        tuple[Any, Any, bool], ...
    ]  # for each field: its return code, its value, whether a zero is no reading
    queries: tuple[tuple[Callable[[Any], int], bool], ...]


class _Found(NamedTuple):
    handle: Any
    board: Board
    capability: tuple[int, int] | None
    max_power_w: float | None


class Nvml:
    """All GPUs of the node.

    After Unavailable and after `close`, `gpus()` and `doubts()` still tell what was found.
    """

    name = "nvml"
    about = (
        "NVIDIA boards (GH200: whole modules), used and idle ones, by the driver: energy counter "
        "and power. No part of the host."
    )

    def __init__(self) -> None:
        self._nvml: Any = None
        self._call: Any = None
        self._now: Callable[[], float] = lambda: 0.0
        self._found: list[_Found] = []
        self._readers: list[_Reader] = []
        self._used: frozenset[str] = frozenset()
        self._gpus: tuple[Gpu, ...] = ()
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._gpus, self._doubts = (), []
        self._nvml, library = _start()
        self._call = getattr(library, "nvmlDeviceGetFieldValues", None)
        self._now = context.clock.now
        self._found, closed = _boards(self._nvml)
        self._used, doubts = visible(
            context.visible_devices, context.device_order, [found.board for found in self._found]
        )
        self._doubts = list(doubts)
        self._gpus = (*self._describe(), *closed)
        channels: list[Channel] = []
        for found in self._found:
            reader, quantities = self._probe(found)
            if quantities:
                self._readers.append(reader)
                channels += [
                    _channel(context, found, found.board.uuid in self._used, *each)
                    for each in quantities
                ]
                self._doubts += _scope_doubts(found, quantities)
            else:
                self._doubts.append(_unreadable(found.board.uuid, found.board.name))
        self._doubts += [_unreadable(gpu.uuid, gpu.name) for gpu in closed]
        if not channels:
            self._stop()
            if not self._gpus:
                raise Unavailable(
                    "NVML works and finds no GPU",
                    "run on a node with an NVIDIA GPU; in a job or container, ask for the GPUs",
                )
            raise Unavailable(
                f"none of {len(self._gpus)} GPUs answers a power or energy query",
                "on Jetson read its own rail sensors; in a container, vGPU or job ask for access "
                "to the board's power readings",
            )
        return channels

    def read(self) -> list[int | Reading | None]:
        now, call = self._now, self._call
        values: list[int | Reading | None] = []
        for reader in self._readers:
            if reader.fields is not None:
                start_s = now()
                failed = call(reader.handle, len(reader.cells), reader.fields)
                t_s = (start_s + now()) / 2
                for code, value, positive in reader.cells:
                    raw = 0 if failed or code.value else int(value.value)
                    ok = raw > 0 if positive else not (failed or code.value)
                    values.append(Reading(raw, t_s) if ok else None)
            for query, positive in reader.queries:
                start_s = now()
                try:
                    raw = query(reader.handle)
                except self._nvml.NVMLError:
                    values.append(None)
                    continue
                values.append(
                    Reading(raw, (start_s + now()) / 2) if raw > 0 or not positive else None
                )
        return values

    def close(self) -> None:
        self._stop()
        self._found = []

    def gpus(self) -> Sequence[Gpu]:
        """Every GPU of the node; clocks, temperature and throttling as they were at `open`."""
        return self._gpus

    def doubts(self) -> Sequence[Doubt]:
        return tuple(self._doubts)

    def conditions(self) -> Sequence[Condition]:
        """Temperature, SM clock and throttle reasons of every board."""
        return [
            condition(self._nvml, found.handle, found.board.uuid, self._now())
            for found in self._found
        ]

    def processes(self) -> Sequence[tuple[str, int]]:
        """Who computes on the boards that the work was given."""
        return [
            (found.board.uuid, pid)
            for found in self._found
            if found.board.uuid in self._used
            for pid in processes(self._nvml, found.handle)
        ]

    def _stop(self) -> None:
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
        self._nvml = self._call = None
        self._readers = []

    def _describe(self) -> list[Gpu]:
        return [
            describe(
                self._nvml,
                found.handle,
                found.board.uuid,
                found.board.name,
                found.board.uuid in self._used,
            )
            for found in self._found
        ]

    def _probe(self, found: _Found) -> tuple[_Reader, list[tuple[str, str]]]:
        """What this board answers: its reader, and (component, quantity) of each value in the order
        that `read` gives them.
        """
        nvml, handle = self._nvml, found.handle
        answers = (
            ask(nvml, "nvmlDeviceGetFieldValues", handle, list(_FIELDS))
            if self._call is not None
            else None
        )
        good = (
            [each for each in answers if each.nvmlReturn == 0 and each.valueType < len(_TYPES)]
            if answers is not None
            else []
        )
        # A driver that knows no scopes answers each with the GPU's own power. A module holds more
        # than its GPU, a GPU more than its memory.
        plain = {each.fieldId: _value(each) for each in good if each.scopeId == _GPU}
        good = [
            each for each in good if each.scopeId == _GPU or _value(each) != plain.get(each.fieldId)
        ]
        quantities = [(_COMPONENT[each.scopeId], _QUANTITY[each.fieldId]) for each in good]
        fields, cells = _cells(good) if good else (None, ())
        queries = []
        if (
            _ENERGY not in plain
            and ask(nvml, "nvmlDeviceGetTotalEnergyConsumption", handle) is not None
        ):
            queries.append((nvml.nvmlDeviceGetTotalEnergyConsumption, False))
            quantities.append(("gpu.board", "energy"))
        if _INSTANT not in plain and ask(nvml, "nvmlDeviceGetPowerUsage", handle) is not None:
            queries.append((nvml.nvmlDeviceGetPowerUsage, True))
            quantities.append(("gpu.board", "power_usage"))
        if _is_gh200(found.board.name):  # its energy counter covers the whole module: zeus 172
            quantities = [
                ("module" if quantity == "energy" else component, quantity)
                for component, quantity in quantities
            ]
        return _Reader(handle, fields, cells, tuple(queries)), quantities


def _start() -> tuple[Any, ctypes.CDLL]:
    """pynvml, initialised, and the library below it.

    Raises Unavailable. Without the library pynvml is not even imported.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        missing = "cannot open shared object file" in str(error)
        raise Unavailable(
            _NO_LIBRARY[0] if missing else f"{_LIBRARY} does not load: {error}".replace("\n", " "),
            _NO_LIBRARY[1],
        ) from error
    try:
        import pynvml
    except ImportError as error:
        raise Unavailable(
            "the Python package nvidia-ml-py is not installed", "pip install nvidia-ml-py"
        ) from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        reason, remedy = _INIT.get(
            error.value,
            (
                f"NVML does not start: {error}",
                "run nvidia-smi, which meets the same error, and look at dmesg",
            ),
        )
        raise Unavailable(reason, remedy) from error
    return pynvml, library


def _boards(nvml: Any) -> tuple[list[_Found], list[Gpu]]:
    """Boards that can be opened, in PCI order, and those that cannot (another job's, or lost),
    which CUDA does not count either.
    """
    found, closed = [], []
    for i in range(ask(nvml, "nvmlDeviceGetCount") or 0):
        handle = ask(nvml, "nvmlDeviceGetHandleByIndex", i)
        uuid = ask(nvml, "nvmlDeviceGetUUID", handle) if handle is not None else None
        if uuid is None:
            closed.append(
                Gpu(uuid=f"unreadable-{i}", name="GPU that NVML may not open", used=False)
            )
            continue
        name = str(ask(nvml, "nvmlDeviceGetName", handle) or "unknown GPU")
        mig = bool(mig_on(nvml, handle))
        board = Board(
            str(uuid),
            name,
            mig,
            instances(nvml, handle) if mig else (),
            partition_sms(nvml, handle) if mig else None,
        )
        limits = ask(nvml, "nvmlDeviceGetPowerManagementLimitConstraints", handle)
        capability = ask(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
        found.append(
            _Found(
                handle,
                board,
                tuple(capability) if capability else None,
                _MAX_OVER_LIMIT * limits[1] / 1e3 if limits and limits[1] else None,
            )
        )
    return found, closed


def _cells(answers: Sequence[Any]) -> tuple[Any, tuple[tuple[Any, Any, bool], ...]]:
    """An array of the fields that answered, and live views of each one's return code and value in
    it.
    """
    kind = type(answers[0])
    fields = (kind * len(answers))()
    cells = []
    for i, answer in enumerate(answers):
        fields[i].fieldId, fields[i].scopeId = answer.fieldId, answer.scopeId
        at = i * ctypes.sizeof(kind)
        code = ctypes.c_uint.from_buffer(fields, at + kind.nvmlReturn.offset)
        value = _TYPES[answer.valueType][0].from_buffer(fields, at + kind.value.offset)
        cells.append(
            (code, value, answer.fieldId != _ENERGY)
        )  # over-polling may answer 0 mW: no board draws nothing (zeus monitor/power.py)
    return fields, tuple(cells)


def _value(answer: Any) -> int:
    return int(getattr(answer.value, _TYPES[answer.valueType][1]))


def _is_gh200(name: str) -> bool:
    return "GH200" in name


def _channel(context: Context, found: _Found, used: bool, component: str, quantity: str) -> Channel:
    uuid = found.board.uuid
    period_s, window_s, lag_u_s = _timing(quantity, found)
    return Channel(
        collector="nvml",
        rank=ranks.NVML,
        device=uuid,
        component=component,
        kind="counter" if quantity == "energy" else "power",
        quantity=quantity,
        resolution=1e-3,  # mJ and mW
        gain=context.gain("nvml.gain", uuid),
        update_period_s=period_s,
        window_s=window_s,
        lag_u_s=lag_u_s,
        max_power_w=found.max_power_w,
        used=used,
        counts=quantity != "power_average"
        and (component == "gpu.board" or (component == "module" and _is_gh200(found.board.name))),
        contains=_IN_MODULE if component == "module" else (),
    )


def _timing(quantity: str, found: _Found) -> tuple[float | None, float, float]:
    """Update period, averaging window and standard uncertainty of the lag, s."""
    part_time = found.capability in _PART_TIME
    if quantity == "energy":
        return _COUNTER_PERIOD_S, 0.0, 0.0
    period_s = _PART_TIME_PERIOD_S if part_time else None
    averages = quantity == "power_average" or (quantity == "power_usage" and _usage_averages(found))
    window_s = _AVERAGE_WINDOW_S if averages else _PART_TIME_WINDOW_S if part_time else 0.0
    return period_s, window_s, _LAG_U_S


def _usage_averages(found: _Found) -> bool:
    """Whether nvmlDeviceGetPowerUsage averages over 1 s: Ampere other than GA100, and newer (NVML).
    GA100 alone has capability 8.0.
    """
    if found.capability is not None:
        return found.capability > (8, 0)
    return re.search(r"\b(A100|A800|A30|T4|V100|P100|P40|P4|K80)\b", found.board.name) is None


def _scope_doubts(found: _Found, quantities: Sequence[tuple[str, str]]) -> list[Doubt]:
    """A superchip that is not GH200: nobody has said what its counter covers, and two GPUs may
    share one module.
    """
    if _is_gh200(found.board.name) or not any(component == "module" for component, _ in quantities):
        return []
    message = (
        f"{found.board.uuid} ({found.board.name}) sits on a module with CPU and memory: whether "
        "its energy counter covers the GPU alone is not documented"
    )
    return [
        Doubt(
            code="counter-scope",
            message=message,
            remedy="compare the counter with the integrated power_instant of the same board and of "
            "its module",
            subject=found.board.uuid,
        )
    ]


def _unreadable(uuid: str, name: str) -> Doubt:
    message = f"{uuid} ({name}) answers no power or energy query"
    return Doubt(
        code="gpu-unreadable",
        message=message,
        remedy="ask for the whole node, or for read access to every board's power",
        subject=uuid,
    )
