"""Fields, labels and the loader: true frequencies of the classes, samples that do not depend on the
process, and CAM5 files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench_workloads.deepcam import cost, fields
from energybench_workloads.deepcam.cam5 import Cam5
from energybench_workloads.deepcam.loader import Batch, Loader, Share, Synthetic, batch

SIZE = cost.SIZES["smoke"]


def unchanged(batch: Batch) -> Batch:
    return batch


def values(field: np.ndarray) -> np.ndarray:
    """float32 of bfloat16 bits."""
    return (field.astype(np.uint32) << 16).view(np.float32)


def test_classes_have_their_true_frequencies() -> None:
    """Over 400 fields the rare classes have the shares of the real training set within 7 %, four
    standard errors of the mean.
    """
    counts = np.zeros(3)
    for index in range(400):
        counts += np.bincount(
            fields.make(SIZE.height, SIZE.width, 1, index).label.ravel(), minlength=3
        )
    assert counts[1:] / counts.sum() == pytest.approx(np.array(fields.FREQUENCIES[1:]), rel=0.07)


def test_cyclones_are_warm_moist_and_low_and_turn_with_their_hemisphere() -> None:
    """Inside the labels: more vapour, less pressure and a warmer core than outside; winds turn
    counter-clockwise north of the equator and clockwise south of the equator.
    """
    height, width = 192, 288
    turns = []
    inside = np.zeros(16)
    for index in range(12):
        sample = fields.make(height, width, 3, index)
        field = values(sample.field)
        inside += field[sample.label == 1].mean(0) - field[sample.label == 0].mean(0)
        curl = np.gradient(field[:, :, 2], axis=1) - np.gradient(field[:, :, 1], axis=0)
        for half, sign in ((slice(height // 2, None), 1), (slice(0, height // 2), -1)):
            where = sample.label[half] == 1
            if where.any():
                turns.append(sign * curl[half][where].mean())
    named = dict(zip(fields.CHANNELS, inside / 12, strict=True))
    assert named["TMQ"] > 0.5
    assert named["T500"] > 0.5
    assert named["PSL"] < -0.5
    assert min(turns) > 0


def test_rivers_carry_vapour() -> None:
    """More vapour and more wind inside than outside."""
    sample = fields.make(192, 288, 3, 0)
    field = values(sample.field)
    assert field[sample.label == 2][:, 0].mean() > field[sample.label == 0][:, 0].mean() + 0.5
    speed = np.hypot(field[:, :, 1], field[:, :, 2])
    assert speed[sample.label == 2].mean() > speed[sample.label == 0].mean() + 0.3


def test_a_sample_is_its_number_and_seed_and_nothing_else() -> None:
    """Equal bits at every making; different numbers and seeds give different fields."""
    first = fields.make(64, 96, 1, 5)
    assert np.array_equal(first.field, fields.make(64, 96, 1, 5).field)
    assert not np.array_equal(first.field, fields.make(64, 96, 1, 6).field)
    assert not np.array_equal(first.field, fields.make(64, 96, 2, 5).field)


def test_bfloat16_is_rounded_to_nearest_even() -> None:
    """As torch rounds."""
    import torch

    numbers = np.random.Generator(np.random.Philox(1)).standard_normal(10_000).astype(np.float32)
    assert np.array_equal(
        values(fields.to_bf16(numbers.copy())), torch.from_numpy(numbers).bfloat16().float().numpy()
    )


def test_an_epoch_takes_every_sample_once_whoever_takes_it() -> None:
    """Two processes with batches of two see the samples that one process sees in two passes. The
    turn round the globe loses no pixel.
    """
    source = Synthetic(SIZE, 1, 0, 8)
    one = [batch(source, Share(1, 2), position) for position in range(8)]
    two = [
        batch(source, Share(1, 2, 2, part), position) for position in range(4) for part in range(2)
    ]
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.field, b.field)
        assert np.array_equal(a.label, b.label)
    sums = sorted(int(label.astype(int).sum()) for drawn in one[:4] for label in drawn.label)
    assert sums == sorted(int(source.read(i).label.astype(int).sum()) for i in range(8))


def test_loader_gives_the_batches_in_order_and_counts_the_waiting_time() -> None:
    source = Synthetic(SIZE, 1, 0, 4)
    with Loader(source, Share(1, 2), 3, 5, unchanged) as loader:
        for position in range(3, 8):
            assert np.array_equal(loader.take().label, batch(source, Share(1, 2), position).label)
        assert loader.waited_s >= 0
        assert loader.made_s > 0
    with Loader(source, Share(1, 2), 0, 100, unchanged) as loader:  # left early: its thread ends
        loader.take()
    assert not loader._thread.is_alive()


def test_an_error_in_reading_is_raised_where_the_batch_is_taken() -> None:
    class Torn:
        def __len__(self) -> int:
            return 1

        def read(self, index: int) -> fields.Sample:
            raise OSError("truncated")

    with (
        Loader(Torn(), Share(1, 1), 0, 2, unchanged) as loader,
        pytest.raises(OSError, match="truncated"),
    ):
        loader.take()


def write_cam5(folder: Path, height: int, width: int) -> np.ndarray:
    """Two snapshots in both parts, in the layout of the data set. Returns the first field."""
    h5py = pytest.importorskip("h5py")
    make = np.random.Generator(np.random.Philox(1))
    written = []
    for part in ("train", "validation"):
        (folder / part).mkdir(parents=True)
        for i in range(2):
            field = (250 + 50 * make.random((height, width, 16))).astype(np.float32)
            written.append(field)
            with h5py.File(folder / part / f"data-2000-01-0{i + 1}-00-0.h5", "w") as file:
                file["climate/data"] = field
                file["climate/labels_0"] = (make.random((height, width)) < 0.1).astype(np.float32)
    with h5py.File(folder / "stats.h5", "w") as file:
        file["climate/minval"], file["climate/maxval"] = np.full(16, 250.0), np.full(16, 300.0)
    return written[0]


def test_cam5_files_are_read_and_scaled(tmp_path: Path) -> None:
    """climate/data and climate/labels_0, scaled by stats.h5 to 0 … 1 and cut to the size."""
    field = write_cam5(tmp_path, 48, 64)
    source = Cam5(tmp_path, "train", SIZE)
    sample = source.read(0)
    assert len(source) == 2
    assert values(sample.field) == pytest.approx((field[:32, :48] - 250) / 50, abs=2**-9)
    assert set(np.unique(sample.label)) == {0, 1}


def test_a_bad_snapshot_is_named(tmp_path: Path) -> None:
    """A torn file before any work; wrong labels and values when the snapshot is read."""
    write_cam5(tmp_path, 32, 48)
    h5py = pytest.importorskip("h5py")
    second = tmp_path / "train" / "data-2000-01-02-00-0.h5"
    intact = second.read_bytes()
    for wrong, says in (("climate/labels_0", "labels from 0 to 7"), ("climate/data", "not finite")):
        with h5py.File(second, "a") as file:
            values = file[wrong][...]
            values.flat[3] = 7 if "labels" in wrong else np.nan
            values.flat[4] = 0
            file[wrong][...] = values
        with pytest.raises(BadInput, match=f"{second.name}: .*{says}"):
            Cam5(tmp_path, "train", SIZE).read(1)
        second.write_bytes(intact)
    second.write_bytes(intact[: len(intact) // 2])
    with pytest.raises(BadInput, match=f"{second.name}: is not a CAM5 snapshot"):
        Cam5(tmp_path, "train", SIZE)
    second.write_bytes(intact)
    (tmp_path / "stats.h5").write_text("torn")
    with pytest.raises(BadInput, match=r"stats.h5: cannot be read"):
        Cam5(tmp_path, "train", SIZE)


@pytest.mark.parametrize("wrong", ["nothing", "no stats", "too small", "no snapshot"])
def test_a_folder_that_is_not_cam5_is_one_line(tmp_path: Path, wrong: str) -> None:
    if wrong != "nothing":
        write_cam5(tmp_path, *((16, 48) if wrong == "too small" else (32, 48)))
    if wrong == "no stats":
        (tmp_path / "stats.h5").unlink()
    if wrong == "no snapshot":
        (tmp_path / "train" / "data-2000-01-01-00-0.h5").write_text("torn")
    pytest.importorskip("h5py")
    with pytest.raises(BadInput) as caught:
        Cam5(tmp_path, "train", SIZE)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
