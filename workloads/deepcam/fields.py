"""Synthetic climate: fields of 16 CAM5-like channels with planted tropical cyclones and atmospheric
rivers, and the labels of both.

Shapes and strengths are idealised, not drawn from CAM5: a network that has learned the synthetic
fields knows nothing about real data, and the network's IoU is comparable only with the baseline on
synthetic fields. Extents, channels and the rarity of the classes are as in the real data.

Random numbers are raw words of Philox under the key (seed, sample): sample i is equal on every
machine and in every process, in any order of making.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench_workloads.common import uniforms

# Channels of CAM5 in the order of the DeepCAM data set: Prabhat et al. (ClimateNet), and
# climate/data of the HDF5 files
CHANNELS = (
    "TMQ",
    "U850",
    "V850",
    "UBOT",
    "VBOT",
    "QREFHT",
    "PS",
    "PSL",
    "T200",
    "T500",
    "PRECT",
    "TS",
    "TREFHT",
    "Z1000",
    "Z200",
    "ZBOT",
)
# Background, cyclones, rivers: shares of the pixels in the real training set (MLPerf HPC)
FREQUENCIES = (0.98627, 0.000457871, 0.0132743)
CYCLONES, RIVERS = 2, 3  # planted in a field
# Degrees from the equator where cyclones lie, and where rivers begin
CYCLONE_LATITUDES, RIVER_LATITUDES = (8.0, 30.0), (28.0, 55.0)
WAVES = 12  # zonal wave numbers of the large-scale background
STREAM = 100  # Philox streams of samples lie above this number

Array = npt.NDArray[np.float32]
# Channels of u and v, and the strength of the wind: at 850 hPa and at the lowest level
_WIND = ((1, 2, 1.0), (3, 4, 0.8))
# Strength of a cyclone by channel: moist, low pressure, warm core, rain
_CYCLONE = {
    0: 2.5,
    5: 1.5,
    6: -3.0,
    7: -3.0,
    8: 1.5,
    9: 2.0,
    10: 3.0,
    13: -2.5,
    14: 1.0,
    15: -1.5,
}
# Strength of a river by channel: vapour, with rain and warm air
_RIVER = {0: 2.5, 5: 1.2, 10: 1.2, 9: 0.4, 12: 0.5}


class Sample(NamedTuple):
    """field: bfloat16 bits [H, W, 16], normalised; label: class of each pixel [H, W]."""

    field: npt.NDArray[np.uint16]
    label: npt.NDArray[np.uint8]


def make(height: int, width: int, seed: int, index: int, digest: Any = None) -> Sample:
    """One sample. `digest` is updated with the random numbers of cyclones and rivers."""
    stream = STREAM + index
    modes = (
        uniforms(seed, 2 * stream, 2 * 16 * WAVES * 3).astype(np.float32).reshape(2, 16, WAVES, 3)
    )
    drawn = uniforms(seed, 2 * stream + 1, 8 * (CYCLONES + RIVERS), digest).reshape(
        CYCLONES + RIVERS, 8
    )
    field = _background(height, width, modes)
    _noise(field, seed, stream)
    label = np.zeros((height, width), np.uint8)
    for numbers in drawn[CYCLONES:]:
        _river(field, label, numbers)
    # cyclones last: a pixel in both a river and a cyclone belongs to the cyclone
    for numbers in drawn[:CYCLONES]:
        _cyclone(field, label, numbers)
    return Sample(to_bf16(field), label)


def to_bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """bfloat16 bits of float32 values, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    bits += np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (bits >> np.uint32(16)).astype(np.uint16)


def _background(height: int, width: int, drawn: Array) -> Array:
    """A zonal mean by latitude, and waves along the parallels with an amplitude that changes with
    latitude; about 0 ± 1.
    """
    latitude = np.linspace(-math.pi / 2, math.pi / 2, height, dtype=np.float32)
    longitude = np.linspace(0, 2 * math.pi, width, endpoint=False, dtype=np.float32)
    number = np.arange(1, WAVES + 1, dtype=np.float32)
    zonal = np.cos(2 * latitude[:, None] + 2 * math.pi * drawn[0, :, 0, 2])  # [H, 16]
    field = np.empty((height, width, 16), np.float32)
    waves = np.concatenate(
        (np.cos(number[:, None] * longitude), np.sin(number[:, None] * longitude))
    )  # [2 WAVES, W]
    for channel in range(16):
        # the phase leans with latitude, [H, WAVES]
        lean = latitude[:, None] * (drawn[0, channel, :, 1] - 0.5) * 3 / math.pi
        turn = 2 * math.pi * (drawn[0, channel, :, 0] + lean)
        size = 0.5 * drawn[1, channel, :, 0] * np.cos(latitude)[:, None] / np.sqrt(number)
        field[:, :, channel] = (
            np.concatenate((size * np.cos(turn), size * np.sin(turn)), axis=1) @ waves
        )
    field += 0.7 * zonal[:, None, :]
    return field


def _noise(field: Array, seed: int, stream: int) -> None:
    """White noise of ±0.35, four values from a 64-bit word."""
    words = (
        np.random.Philox(key=seed + ((1 << 40) + stream << 64))
        .random_raw(field.size // 4)
        .view(np.uint16)
    )
    noise = words.astype(np.float32)
    noise -= np.float32(32767.5)
    noise *= np.float32(0.35 / 32767.5)
    field += noise.reshape(field.shape)


def _latitude_row(height: int, u: float, band: tuple[float, float]) -> tuple[float, float]:
    """A row within the latitude band of a hemisphere, and the sign of the hemisphere: +1 north
    (high row numbers), -1 south.
    """
    sign = 1.0 if u < 0.5 else -1.0
    degrees = band[0] + (2 * u % 1.0) * (band[1] - band[0])
    return (sign * degrees / 180 + 0.5) * (height - 1), sign


def _window(
    shape: tuple[int, ...], row: float, column: float, rows: float, columns: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns around a place. Columns go round the globe: the caller takes column numbers
    modulo the width.
    """
    low, high = max(0, math.floor(row - rows)), min(shape[0], math.ceil(row + rows) + 1)
    many = min(shape[1], 2 * math.ceil(columns) + 1)
    return np.arange(low, high), math.floor(column) - many // 2 + np.arange(many)


def cyclone_radius(height: int, width: int) -> float:
    """Radius of a labelled disc in pixels. Discs cover the share of a field that cyclones cover in
    the real training set: n π r² = f H W.
    """
    return math.sqrt(FREQUENCIES[1] * height * width / (CYCLONES * math.pi))


def _cyclone(field: Array, label: npt.NDArray[np.uint8], u: npt.NDArray[np.float64]) -> None:
    """A vortex: winds round a warm, moist core of low pressure, strongest at the label's radius
    (profile r e^(1-r), as of Holland's type).
    """
    height, width = label.shape
    row, sign = _latitude_row(height, u[0], CYCLONE_LATITUDES)
    column, strength = u[1] * width, 0.8 + 0.6 * u[2]
    radius = cyclone_radius(height, width) * math.sqrt(0.5 + u[3])  # the area is uniform
    reach = 4 * max(radius, 1.0)
    rows, columns = _window(label.shape, row, column, reach, reach)
    y, x = (rows - row)[:, None].astype(np.float32), (columns - column)[None, :].astype(np.float32)
    distance = np.sqrt(x * x + y * y)
    scaled = distance / max(radius, 1.0)
    core = strength * np.exp(-(scaled**2))
    # per unit of distance: multiplied below by the components of the distance
    speed = 3.0 * strength * sign * np.exp(1 - scaled) / max(radius, 1.0)
    at = np.ix_(rows, columns % width)
    patch = field[at]
    for channel, amount in _CYCLONE.items():
        patch[:, :, channel] += amount * core
    for east, north, share in _WIND:
        patch[:, :, east] -= share * speed * y
        patch[:, :, north] += share * speed * x
    field[at] = patch
    inside = label[at]
    inside[distance <= radius] = 1
    label[at] = inside


def river_extent(height: int, width: int) -> tuple[float, float]:
    """(columns that a river spans, area of a river's label in pixels): n · area = f H W."""
    return width / 8, FREQUENCIES[2] * height * width / RIVERS


def _river(field: Array, label: npt.NDArray[np.uint8], u: npt.NDArray[np.float64]) -> None:
    """A filament of vapour transport on a bent line towards the pole, with winds along the line.

    The width of the filament follows from the area of the label.
    """
    height, width = label.shape
    start, sign = _latitude_row(height, u[0], RIVER_LATITUDES)
    columns_span, area = river_extent(height, width)
    span, area = columns_span * (0.7 + 0.6 * u[2]), area * (0.6 + 0.8 * u[3])
    rise, bend = sign * height * (0.06 + 0.10 * u[4]), height * 0.06 * (u[5] - 0.5)
    t = np.linspace(-0.5, 0.5, 65)
    length = float(np.hypot(1.0, (rise + 8 * bend * t) / span).mean() * span)
    thick = area / length
    column, strength = u[1] * width, 0.8 + 0.6 * u[6]
    rows, columns = _window(
        label.shape, start, column, abs(rise) / 2 + abs(bend) + 3 * thick, span / 2 + 2 * thick
    )
    along = ((columns - column) / span).astype(np.float32)  # -0.5 … 0.5 within the river
    slope = ((rise + 8 * bend * along) / span).astype(np.float32)
    line = start + rise * along + bend * (4 * along**2 - 1)
    steep = np.hypot(1.0, slope)
    # distance from the line, in thicknesses of the river
    across = np.abs(rows[:, None] - line[None, :]) / (steep[None, :] * max(thick, 1.0))
    across = across.astype(np.float32)
    ends = np.clip((0.5 - np.abs(along)) * span / max(thick, 1.0) + 0.5, 0.0, 1.0).astype(
        np.float32
    )
    plume = strength * np.exp(-2 * across**2) * ends
    at = np.ix_(rows, columns % width)
    patch = field[at]
    for channel, amount in _RIVER.items():
        patch[:, :, channel] += amount * plume
    for east, north, share in _WIND:
        patch[:, :, east] += 2.0 * share * plume / steep
        patch[:, :, north] += 2.0 * share * plume * slope / steep
    field[at] = patch
    inside = label[at]
    inside[
        (np.abs(rows[:, None] - line[None, :]) <= thick * steep[None, :] / 2)
        & (np.abs(along) <= 0.5)[None, :]
    ] = 2
    label[at] = inside
