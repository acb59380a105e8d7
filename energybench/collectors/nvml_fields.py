"""Energy and power readings of a board, by fields and by queries.

A single call fills the array of the answered fields (nvmlDeviceGetFieldValues); a quantity without
a field has a query. The library is an argument: only collectors/nvml.py imports pynvml. Sources:
see collectors/nvml.py.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from energybench.collectors.nvml_board import OpenBoard, ask
from energybench.plugins import LONGEST_READ_S, Reading

# Field ids and scopes: nvml.h. Scope MODULE is a superchip (CPU, GPU and memory), scope MEMORY the
# memory of the GPU.
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
# by nvmlValueType_t: C type of a value, and name of the value in pynvml's union
_TYPES = (
    (ctypes.c_double, "dVal"),
    (ctypes.c_uint, "uiVal"),
    (ctypes.c_ulong, "ulVal"),
    (ctypes.c_ulonglong, "ullVal"),
    (ctypes.c_longlong, "sllVal"),
    (ctypes.c_int, "siVal"),
    (ctypes.c_ushort, "usVal"),
)


class Quantity(NamedTuple):
    """A value of the board, by the names of Channel.component and Channel.quantity."""

    component: str
    name: str


class FieldCell(NamedTuple):
    """A field in the array of fields; every call changes `code` and `value`, which are views.

    code     NVML's return code of the field
    nonzero  a zero is a failed read: a driver that is polled too often may answer 0 mW, and no
             board draws nothing (zeus monitor/power.py)
    """

    code: Any
    value: Any
    nonzero: bool

    def reading(self, t_s: float) -> Reading | None:
        if self.code.value:
            return None
        raw = int(self.value.value)
        return Reading(raw, t_s) if raw > 0 or not self.nonzero else None


class Query(NamedTuple):
    """A quantity by a function instead of a field; `nonzero` as in FieldCell."""

    function: Callable[[Any], int]
    nonzero: bool


# field that makes a query unnecessary, name of the query, quantity, and whether zero is a failure
_QUERIES = (
    (_ENERGY, "nvmlDeviceGetTotalEnergyConsumption", "energy", False),
    (_INSTANT, "nvmlDeviceGetPowerUsage", "power_usage", True),
)


class BoardReader(NamedTuple):
    """Reads the quantities of a board: the fields, then the queries.

    fields  ctypes array, filled anew by each call; None if the board answers no field
    """

    handle: Any
    fields: Any
    cells: tuple[FieldCell, ...]
    queries: tuple[Query, ...]

    def read_fields(
        self, get_fields: Callable[..., int], now: Callable[[], float]
    ) -> list[Reading | None]:
        """A reading for each cell, timed at the middle of the call."""
        if self.fields is None:
            return []
        start_s = now()
        failed = get_fields(self.handle, len(self.cells), self.fields)
        end_s = now()
        t_s = (start_s + end_s) / 2
        if failed or end_s - start_s > LONGEST_READ_S:
            return [None] * len(self.cells)
        return [cell.reading(t_s) for cell in self.cells]

    def read_queries(
        self, refused: type[Exception], now: Callable[[], float]
    ) -> list[Reading | None]:
        """A reading for each query, timed at the middle of the query."""
        readings: list[Reading | None] = []
        for query in self.queries:
            start_s = now()
            try:
                raw = query.function(self.handle)
            except refused:
                readings.append(None)
                continue
            end_s = now()
            good = (raw > 0 or not query.nonzero) and end_s - start_s <= LONGEST_READ_S
            readings.append(Reading(raw, (start_s + end_s) / 2) if good else None)
        return readings


def probe(nvml: Any, board: OpenBoard, *, has_fields: bool) -> tuple[BoardReader, list[Quantity]]:
    """The reader of a board, and the answered quantities in reading order.

    has_fields  whether the library has nvmlDeviceGetFieldValues
    """
    # fields
    answers = _answers(nvml, board.handle) if has_fields else []
    quantities = [Quantity(_COMPONENT[item.scopeId], _QUANTITY[item.fieldId]) for item in answers]
    fields, cells = _cells(answers)
    # queries for quantities of the board without a field
    answered = {item.fieldId for item in answers if item.scopeId == _GPU}
    queries = []
    for field, function, name, nonzero in _QUERIES:
        if field not in answered and ask(nvml, function, board.handle) is not None:
            queries.append(Query(getattr(nvml, function), nonzero))
            quantities.append(Quantity("gpu.board", name))
    # the energy counter of a GH200 covers the whole module: zeus 172
    if board.is_gh200:
        quantities = [
            Quantity("module", item.name) if item.name == "energy" else item for item in quantities
        ]
    return BoardReader(board.handle, fields, cells, tuple(queries)), quantities


def _answers(nvml: Any, handle: Any) -> list[Any]:
    """Fields with a value for the field's scope.

    A driver without scopes answers the scopes MODULE and MEMORY with the power of the GPU. A module
    draws more than its GPU, and a GPU more than its memory, so a value equal to the GPU's value is
    not an answer.
    """
    answers = ask(nvml, "nvmlDeviceGetFieldValues", handle, list(_FIELDS)) or []
    good = [item for item in answers if item.nvmlReturn == 0 and item.valueType < len(_TYPES)]
    of_gpu = {item.fieldId: _value(item) for item in good if item.scopeId == _GPU}
    return [
        item for item in good if item.scopeId == _GPU or _value(item) != of_gpu.get(item.fieldId)
    ]


def _cells(answers: Sequence[Any]) -> tuple[Any, tuple[FieldCell, ...]]:
    """An array of the answered fields, and views of each field's return code and value."""
    if not answers:
        return None, ()
    kind = type(answers[0])
    fields = (kind * len(answers))()
    cells = []
    for i, answer in enumerate(answers):
        fields[i].fieldId, fields[i].scopeId = answer.fieldId, answer.scopeId
        offset = i * ctypes.sizeof(kind)
        code = ctypes.c_uint.from_buffer(fields, offset + kind.nvmlReturn.offset)
        value_type, _ = _TYPES[answer.valueType]
        value = value_type.from_buffer(fields, offset + kind.value.offset)
        cells.append(FieldCell(code, value, nonzero=answer.fieldId != _ENERGY))
    return fields, tuple(cells)


def _value(answer: Any) -> int:
    return int(getattr(answer.value, _TYPES[answer.valueType][1]))
