"""Real data of the user: CAM5 snapshots in HDF5, in the layout of the DeepCAM data set.

    DIR/train/*.h5, DIR/validation/*.h5   climate/data [H, W, 16] float32, climate/labels_0 [H, W]
    DIR/stats.h5                          climate/minval, climate/maxval [16]: fields are scaled
                                          from minval … maxval to 0 … 1

Fields larger than the size's extents are cut, at a place that follows from the number of the file;
smaller fields are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from energybench.errors import BadInput
from energybench_workloads.deepcam.cost import Size
from energybench_workloads.deepcam.fields import Sample, to_bf16

STATS = "stats.h5"
CLASSES = 3
# Files whose shapes are read before any work. A fault of a later file shows when the file is read
_CHECKED_FILES = 1000


class Cam5:
    """The snapshots in a folder, read one at a time.

    Raises BadInput for a folder without such snapshots.
    """

    def __init__(self, folder: Path, part: str, size: Size) -> None:
        require_h5py()
        self.files = sorted((folder / part).glob("*.h5"))
        self._size = size
        if not self.files:
            raise BadInput(
                f"--set data={folder}",
                f"has no {part}/*.h5" if folder.is_dir() else "no such folder",
                "the folder that holds train/, validation/ and stats.h5",
            )
        self._low, self._scale = _scale(folder / STATS)
        for path in self.files[:_CHECKED_FILES]:
            with _opened(path, size):
                pass

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Sample:
        path, size = self.files[index], self._size
        with _opened(path, size) as file:
            field = np.asarray(file["climate/data"], dtype=np.float32)
            label = np.asarray(file["climate/labels_0"])
        if not np.isfinite(field).all():
            raise BadInput(str(path), "holds values that are not finite", "numbers only")
        if not np.isin(label, range(CLASSES)).all():
            raise BadInput(
                str(path),
                f"has labels from {label.min():g} to {label.max():g}",
                "0 background, 1 cyclone, 2 river",
            )
        top = (index * 7919) % (field.shape[0] - size.height + 1)
        left = (index * 104729) % (field.shape[1] - size.width + 1)
        cut = (slice(top, top + size.height), slice(left, left + size.width))
        return Sample(
            to_bf16((field[cut] - self._low) * self._scale),
            np.ascontiguousarray(label[cut].astype(np.uint8)),
        )


def require_h5py() -> None:
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "--set data",
            "needs h5py, which is not installed",
            "pip install 'energybench[workloads]'",
        ) from error


def _scale(stats: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(smallest value, 1 / range) of every channel."""
    import h5py

    if not stats.is_file():
        raise BadInput(
            f"--set data={stats.parent}",
            f"has no {STATS}",
            "the data set's file with climate/minval and climate/maxval",
        )
    try:
        with h5py.File(stats, "r") as file:
            low, high = (
                np.asarray(file[f"climate/{name}"], dtype=np.float32)
                for name in ("minval", "maxval")
            )
    except (OSError, KeyError) as error:
        raise BadInput(
            str(stats),
            f"cannot be read: {' '.join(str(error).split())}",
            "HDF5 with 16 numbers in climate/minval and 16 in climate/maxval",
        ) from error
    if not low.shape == high.shape == (16,) or not np.isfinite([low, high]).all():
        raise BadInput(
            str(stats),
            f"climate/minval is {low.shape}, climate/maxval {high.shape}",
            "16 finite numbers in both, one for each channel",
        )
    return low, np.where(
        high > low, 1 / np.maximum(high - low, np.float32(1e-30)), np.float32(1)
    ).astype(np.float32)


@contextmanager
def _opened(path: Path, size: Size) -> Iterator[Any]:
    """A snapshot with fields of at least the size's extents.

    Raises BadInput with the name of the file, also for errors in reading the file inside the
    context.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            shape, labels = file["climate/data"].shape, file["climate/labels_0"].shape
            if len(shape) != 3 or shape[2] != 16 or labels != shape[:2]:
                raise BadInput(
                    str(path),
                    f"climate/data is {shape}, climate/labels_0 {labels}",
                    "[H, W, 16] and [H, W]",
                )
            if shape[0] < size.height or shape[1] < size.width:
                raise BadInput(
                    str(path),
                    f"has fields of {shape[0]} x {shape[1]}",
                    "a --size with fields that are not larger",
                )
            yield file
    except (OSError, KeyError, AttributeError, ValueError) as error:
        remedy = "climate/data [H, W, 16] and climate/labels_0 [H, W], numbers, in HDF5"
        raise BadInput(
            str(path), f"is not a CAM5 snapshot: {' '.join(str(error).split())}", remedy
        ) from error
