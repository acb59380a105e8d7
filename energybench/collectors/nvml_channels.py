"""Channels of NVIDIA boards: timing of the sensors, scope of the counters, and doubts about both.

Sources: see collectors/nvml.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from energybench.collectors import ranks
from energybench.collectors.accelerators import Cause
from energybench.collectors.nvml_board import OpenBoard
from energybench.collectors.nvml_fields import Quantity
from energybench.model import Channel, Doubt
from energybench.plugins import Context

_IN_MODULE = ("gpu.board", "gpu.memory", "cpu.package", "cpu.dram")

# "about 100 ms" on data-centre boards (ml.energy), 10 ms on some older boards: a prior, to be
# replaced by a calibration
_COUNTER_PERIOD_S = 0.1
# NVML on field 185; SC24 sees the reading of an H100 rise over about 1 s
_AVERAGE_WINDOW_S = 1.0
# Compute capabilities of boards with part-time sensors: one reading in 100 ms, the mean of the last
# 25 ms only (SC24, table of A100 and H100; 9.0 is all of GH100).
_PART_TIME = {(8, 0), (9, 0)}
_PART_TIME_PERIOD_S, _PART_TIME_WINDOW_S = 0.1, 0.025
# No study separates the delay of publishing from the period: the lag is taken as zero, with a
# rectangular uncertainty of half a period.
_LAG_U_S = 0.1 / 12**0.5


def channel(context: Context, board: OpenBoard, used: bool, quantity: Quantity) -> Channel:
    """The channel of one quantity of a board. `used`: whether the work was given the board."""
    component, name = quantity
    period_s, window_s, lag_u_s = _timing(name, board)
    summed = component == "gpu.board" or (component == "module" and board.is_gh200)
    return Channel(
        collector="nvml",
        rank=ranks.NVML,
        device=board.uuid,
        component=component,
        kind="counter" if name == "energy" else "power",
        quantity=name,
        resolution=1e-3,  # mJ and mW
        gain=context.gain("nvml.gain", board.uuid),
        update_period_s=period_s,
        window_s=window_s,
        lag_u_s=lag_u_s,
        power_limit_w=board.power_limit_w,
        max_power_w=board.max_power_w,
        used=used,
        counts=summed and name != "power_average",
        contains=_IN_MODULE if component == "module" else (),
    )


def _timing(quantity: str, board: OpenBoard) -> tuple[float | None, float, float]:
    """Update period, averaging window and standard uncertainty of the lag, s."""
    if quantity == "energy":
        return _COUNTER_PERIOD_S, 0.0, _LAG_U_S
    part_time = board.capability in _PART_TIME
    period_s = _PART_TIME_PERIOD_S if part_time else None
    if quantity == "power_average" or (quantity == "power_usage" and _usage_averages(board)):
        return period_s, _AVERAGE_WINDOW_S, _LAG_U_S
    return period_s, _PART_TIME_WINDOW_S if part_time else 0.0, _LAG_U_S


def _usage_averages(board: OpenBoard) -> bool:
    """Whether nvmlDeviceGetPowerUsage averages over 1 s.

    NVML states the average for Ampere other than GA100, and for newer boards. Only GA100 has
    capability 8.0.
    """
    if board.capability is not None:
        return board.capability > (8, 0)
    return re.search(r"\b(A100|A800|A30|T4|V100|P100|P40|P4|K80)\b", board.name) is None


def scope_doubts(board: OpenBoard, quantities: Sequence[Quantity]) -> list[Doubt]:
    """A doubt about the counter of a superchip other than GH200.

    No source states whether the counter covers the GPU or the module, and two GPUs may share one
    module.
    """
    if board.is_gh200 or not any(quantity.component == "module" for quantity in quantities):
        return []
    message = (
        f"{board.uuid} ({board.name}) sits on a module with CPU and memory: whether its energy "
        "counter covers the GPU alone is not documented"
    )
    return [
        Doubt(
            code="counter-scope",
            message=message,
            remedy="compare the counter with the integrated power_instant of the same board and of "
            "its module",
            subject=board.uuid,
        )
    ]


def unreadable(uuid: str, name: str, cause: Cause) -> Doubt:
    """The doubt about a board that gives no power or energy."""
    return Doubt(
        code="gpu-unreadable",
        message=f"{uuid} ({name}) answers no power or energy query: {cause.reason}",
        remedy=cause.remedy,
        subject=uuid,
    )
