"""A field, the labels and the prediction side by side, as a PNG with a palette, north up.

Written without a plotting library.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
# Entries of the palette: colours of the field, then greys under the classes; cyclone, river and gap
# follow
FIELD, GREY = 128, 96
# Even in lightness, after cividis (Nuñez et al. 2018)
_ANCHORS = (
    (0, 32, 76),
    (64, 76, 108),
    (124, 123, 120),
    (188, 175, 111),
    (255, 234, 70),
)
# Cyclone, river and gap: vermilion and blue are distinct for colour-blind readers too (Okabe and
# Ito)
_CLASSES = ((213, 94, 0), (0, 114, 178), (255, 255, 255))
WIDEST, GAP = 288, 6  # pixels of a panel, and between two


def palette() -> Bytes:
    """RGB of the palette's entries, [227, 3]."""
    at, anchors = np.linspace(0, len(_ANCHORS) - 1, FIELD), np.array(_ANCHORS, dtype=float)
    colours = np.stack(
        [np.interp(at, np.arange(len(_ANCHORS)), anchors[:, c]) for c in range(3)], axis=1
    )
    greys = np.repeat(np.linspace(110, 250, GREY)[:, None], 3, axis=1)
    return (
        np.concatenate((colours, greys, np.array(_CLASSES, dtype=float))).round().astype(np.uint8)
    )


def panels(field: npt.NDArray[np.float32], label: Bytes, prediction: Bytes) -> Bytes:
    """Palette numbers [h, 3 w + 2 GAP] of one channel [H, W] and two maps of classes.

    Rare classes survive the thinning: a cell shows the rarest class of its pixels.
    """
    step = -(-field.shape[1] // WIDEST)
    low, high = np.percentile(field, (1, 99))
    level = np.clip((field - low) / max(float(high - low), 1e-6), 0, 1)[::step, ::step]
    coloured = (level * (FIELD - 1)).astype(np.uint8)
    maps = []
    for classes in (label, prediction):
        rare = _coarse(classes, step)
        grey = FIELD + (level * (GREY - 1)).astype(np.uint8)
        maps.append(np.where(rare > 0, FIELD + GREY + rare - 1, grey).astype(np.uint8))
    gap = np.full((coloured.shape[0], GAP), FIELD + GREY + 2, np.uint8)
    drawn = np.concatenate((coloured, gap, maps[0], gap, maps[1]), axis=1)[::-1]
    larger = max(1, WIDEST // field.shape[1])
    return drawn.repeat(larger, axis=0).repeat(larger, axis=1)


def _coarse(classes: Bytes, step: int) -> Bytes:
    """The class of every cell of step x step pixels: cyclone, if a pixel is a cyclone; or river, if
    a pixel is a river; or background.
    """
    height, width = (extent // step * step for extent in classes.shape)
    ranked = np.array([0, 2, 1], np.uint8)[classes[:height, :width]]
    cells = ranked.reshape(height // step, step, width // step, step).max(axis=(1, 3))
    back: Bytes = np.array([0, 2, 1], np.uint8)[cells]
    return back


def png(numbers: Bytes, colours: Bytes) -> str:
    """An indexed image as PNG in base64 (W3C PNG, third edition, section 11: IHDR, PLTE, IDAT,
    IEND).
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    height, width = numbers.shape
    filters = np.zeros((height, 1), np.uint8)  # filter 0 before every row
    rows = np.concatenate((filters, numbers), axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header),
        chunk(b"PLTE", colours.tobytes()),
        chunk(b"IDAT", zlib.compress(rows, 9)),
        chunk(b"IEND", b""),
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()
