"""The examples: scikit-learn's real digits, made-up images and text, made-up users with several
records, or the user's own file. All on the CPU.
"""

from __future__ import annotations

import hashlib
import zipfile
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from energybench.errors import BadInput
from energybench_workloads.common import normals, uniforms
from energybench_workloads.dpsgd.models import CONTEXT, VOCABULARY
from energybench_workloads.dpsgd.spec import Spec

SHAPES = {"conv2": (1, 28, 28), "conv6": (3, 32, 32), "wrn16-4": (3, 32, 32)}
NOISE = 1.0  # of a made-up image's pixels, beside templates of the same size
LIKELY, OTHERWISE = 4, 0.2  # successors of a token, and how often another one follows


class Examples(NamedTuple):
    """Training x [units x records, …] and y, a unit's records behind each other; held-out x and y;
    digest of what they were made from.
    """

    x: torch.Tensor
    y: torch.Tensor
    held_x: torch.Tensor
    held_y: torch.Tensor
    digest: str


def examples(spec: Spec) -> Examples:
    """Raises BadInput where the user's file is none, or there are too few examples."""
    count = spec.examples * spec.records
    if spec.data == "digits":
        return _digits(spec)
    if spec.data == "text":
        return _text(spec, count)
    if spec.data == "synthetic":
        return _images(spec, count)
    return _own(spec, count)


def _digits(spec: Spec) -> Examples:
    """1797 handwritten digits of 8² pixels (UCI, shipped with scikit-learn), scaled up to 28², in
    an order of the seed's.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise BadInput(
            "scikit-learn", "is not installed", "pip install 'energybench[workloads]'"
        ) from error
    found = load_digits()
    total = len(found.target)
    if spec.examples + spec.held > total:
        raise BadInput(
            f"--set examples={spec.examples} held={spec.held}",
            f"there are {total} digits in all",
            f"together at most {total}",
        )
    digest = hashlib.sha256(np.ascontiguousarray(found.data, "<f8").tobytes())
    order = np.argsort(uniforms(spec.seed, 1, total, digest), kind="stable")
    pixels = torch.from_numpy(found.data[order].astype(np.float32) / 16).view(-1, 1, 8, 8)
    images = F.interpolate(pixels, (28, 28), mode="bilinear", align_corners=False)
    return _split(
        (images - 0.3) / 0.35,
        torch.from_numpy(found.target[order].astype(np.int64)),
        spec.examples,
        spec.held,
        digest.hexdigest(),
    )


def _images(spec: Spec, count: int) -> Examples:
    """A smooth template a class under white noise; with users, each has a style of its own that all
    its records share.
    """
    shape, classes = SHAPES[spec.size.network], spec.size.classes
    digest = hashlib.sha256()

    def smooth(stream: int, number: int) -> torch.Tensor:
        coarse = (
            torch.from_numpy(normals(spec.seed, stream, number * shape[0] * 16, digest))
            .float()
            .view(number, shape[0], 4, 4)
        )
        return F.interpolate(coarse, shape[1:], mode="bicubic", align_corners=False)

    total = count + spec.held
    labels = torch.from_numpy((uniforms(spec.seed, 2, total, digest) * classes).astype(np.int64))
    pixels = (
        torch.from_numpy(normals(spec.seed, 3, total * shape[0] * shape[1] * shape[2], digest))
        .float()
        .view(total, *shape)
    )
    pixels.mul_(NOISE).add_(smooth(4, classes)[labels])
    if spec.unit == "user":
        pixels[:count] += 0.5 * smooth(5, spec.examples).repeat_interleave(spec.records, 0)
    return _split(pixels, labels, count, spec.held, digest.hexdigest())


def _text(spec: Spec, count: int) -> Examples:
    """Sequences of a Markov chain in which each token has four likely successors. y is x one token
    on.
    """
    digest, total = hashlib.sha256(), count + spec.held
    after = (
        (uniforms(spec.seed, 6, VOCABULARY * LIKELY, digest) * VOCABULARY)
        .astype(np.int64)
        .reshape(VOCABULARY, LIKELY)
    )
    drawn = uniforms(spec.seed, 7, total * (CONTEXT + 1) * 2, digest).reshape(CONTEXT + 1, 2, total)
    tokens = np.empty((total, CONTEXT + 1), np.int64)
    tokens[:, 0] = (drawn[0, 0] * VOCABULARY).astype(np.int64)
    for place in range(1, CONTEXT + 1):
        which, likely = drawn[place, 0], drawn[place, 1] >= OTHERWISE
        tokens[:, place] = np.where(
            likely,
            after[tokens[:, place - 1], (which * LIKELY).astype(np.int64)],
            (which * VOCABULARY).astype(np.int64),
        )
    made = torch.from_numpy(tokens)
    return _split(
        made[:, :-1].contiguous(), made[:, 1:].contiguous(), count, spec.held, digest.hexdigest()
    )


def _own(spec: Spec, count: int) -> Examples:
    """An .npz file with x [n, C, H, W] and y [n] (whole numbers from 0), training examples first; a
    user's records behind each other.
    """
    where = f"--set data={spec.data}"
    remedy = "numpy.savez(path, x=…, y=…), x [n, C, H, W] and y [n], numbers"
    try:
        with zipfile.ZipFile(spec.data), np.load(spec.data, allow_pickle=False) as held:
            x, y = held["x"], held["y"]
    except (OSError, zipfile.BadZipFile) as error:
        missing = isinstance(error, FileNotFoundError)
        raise BadInput(
            where,
            "no such file" if missing else f"is no .npz file: {' '.join(str(error).split())[:200]}",
            remedy,
        ) from error
    except (KeyError, ValueError) as error:
        what = (
            f"cannot be read: {error.args[0]}"
            if isinstance(error, KeyError)
            else "holds Python objects, which are not loaded"
        )
        raise BadInput(where, what, remedy) from error
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub":
        raise BadInput(where, f"holds x of {x.dtype} and y of {y.dtype}", remedy)
    x = x.astype(np.float32)
    shape = SHAPES[spec.size.network]
    if x.ndim != 4 or x.shape[1:] != shape or y.shape != x.shape[:1]:
        raise BadInput(
            where,
            f"has x {list(x.shape)} and y {list(y.shape)}",
            f"x [n, {', '.join(map(str, shape))}] and y [n]",
        )
    if len(x) < count + spec.held:
        raise BadInput(
            where,
            f"has {len(x)} examples, {count + spec.held} are asked for",
            "--set examples=N held=N",
        )
    if not np.isfinite(x).all():
        raise BadInput(where, "holds values that are not finite", "numbers only")
    labels = y.astype(np.int64)
    if (labels != y).any() or labels.min() < 0 or labels.max() >= spec.size.classes:
        low, high = y.min(), y.max()
        raise BadInput(
            where,
            f"has labels from {low} to {high}",
            f"whole numbers from 0 to {spec.size.classes - 1}",
        )
    digest = hashlib.sha256(x.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    return _split(torch.from_numpy(x), torch.from_numpy(labels), count, spec.held, digest)


def _split(x: torch.Tensor, y: torch.Tensor, count: int, held: int, digest: str) -> Examples:
    return Examples(
        x[:count].contiguous(),
        y[:count],
        x[count : count + held].contiguous(),
        y[count : count + held],
        digest,
    )


def drawn(spec: Spec, step: int) -> torch.Tensor:
    """The units of one step's batch, ascending. A function of seed and step alone, so that a
    resumed run draws what the whole one would have.

    Poisson: each unit on its own with chance q. Shuffle: the next `batch` units of an order made
    anew for each pass; a rest is left out.
    """
    if spec.sampling == "poisson":
        return torch.from_numpy(
            np.flatnonzero(uniforms(spec.seed, 1000 + step, spec.examples) < spec.rate)
        )
    passes, place = divmod(step, spec.examples // spec.batch)
    order = np.argsort(uniforms(spec.seed, 1000 + passes, spec.examples), kind="stable")
    return torch.from_numpy(np.sort(order[place * spec.batch : (place + 1) * spec.batch]))
