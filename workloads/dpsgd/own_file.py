"""The user's own examples: an .npz file with x [n, C, H, W] and y [n] (whole numbers from 0),
training examples before held-out ones, the records of a user in consecutive rows.
"""

from __future__ import annotations

import hashlib
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from energybench.errors import BadInput

_REMEDY = "numpy.savez(path, x=…, y=…), x [n, C, H, W] and y [n], numbers"


def read(
    path: str, shape: tuple[int, int, int], classes: int, least: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], str]:
    """(x, y, SHA-256 of both) of a file. Raises BadInput if the file cannot be read, or does not
    suit a network.

    shape    of an image of the network
    classes  number of classes of the network
    least    number of examples needed
    """
    where = f"--set data={path}"
    x, y = _load(path, where)
    images = _images(x, y, shape, least, where)
    labels = _labels(y, classes, where)
    digest = hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    return images, labels, digest


def _load(path: str, where: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except FileNotFoundError as error:
        raise BadInput(where, "no such file", _REMEDY) from error
    except (OSError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(where, f"is not an .npz file: {reason}", _REMEDY) from error
    except KeyError as error:
        raise BadInput(where, f"cannot be read: {error.args[0]}", _REMEDY) from error
    except ValueError as error:
        what = "holds Python objects, which are not loaded"
        raise BadInput(where, what, _REMEDY) from error
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub":
        raise BadInput(where, f"holds x of {x.dtype} and y of {y.dtype}", _REMEDY)
    return x, y


def _images(
    x: npt.NDArray[Any], y: npt.NDArray[Any], shape: tuple[int, int, int], least: int, where: str
) -> npt.NDArray[np.float32]:
    images = x.astype(np.float32)
    if images.ndim != 4 or images.shape[1:] != shape or y.shape != images.shape[:1]:
        raise BadInput(
            where,
            f"has x {list(images.shape)} and y {list(y.shape)}",
            f"x [n, {', '.join(map(str, shape))}] and y [n]",
        )
    if len(images) < least:
        raise BadInput(
            where,
            f"has {len(images)} examples, {least} are needed",
            "--set examples=N held=N",
        )
    if not np.isfinite(images).all():
        raise BadInput(where, "holds values that are not finite", "numbers only")
    return images


def _labels(y: npt.NDArray[Any], classes: int, where: str) -> npt.NDArray[np.int64]:
    labels = y.astype(np.int64)
    if (labels != y).any() or labels.min() < 0 or labels.max() >= classes:
        low, high = y.min(), y.max()
        raise BadInput(
            where,
            f"has labels from {low} to {high}",
            f"whole numbers from 0 to {classes - 1}",
        )
    return labels
