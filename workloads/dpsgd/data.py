"""The examples: scikit-learn's real digits, synthetic images and text, synthetic users with several
records, or the user's file (`own_file.py`). Tensors are on the CPU.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from energybench.errors import BadInput
from energybench_workloads.common import normals, uniforms
from energybench_workloads.dpsgd import own_file
from energybench_workloads.dpsgd.models import CONTEXT, VOCABULARY
from energybench_workloads.dpsgd.spec import Spec

SHAPES = {"conv2": (1, 28, 28), "conv6": (3, 32, 32), "wrn16-4": (3, 32, 32)}
NOISE = 1.0  # of a synthetic image's pixels, beside templates of the same size
# Number of likely successors of a token, and probability of a successor drawn from all tokens
LIKELY, OTHERWISE = 4, 0.2


class Examples(NamedTuple):
    """Training x [units x records, …] and y, with the records of a unit in consecutive rows;
    held-out x and y; digest of the random numbers or files behind the examples.
    """

    x: torch.Tensor
    y: torch.Tensor
    held_x: torch.Tensor
    held_y: torch.Tensor
    digest: str


def examples(spec: Spec) -> Examples:
    """Raises BadInput if the user's file cannot be used, or there are too few examples."""
    count = spec.examples * spec.records
    if spec.data == "digits":
        return _digits(spec)
    if spec.data == "text":
        return _text(spec, count)
    if spec.data == "synthetic":
        return _images(spec, count)
    x, y, digest = own_file.read(
        spec.data, SHAPES[spec.size.network], spec.size.classes, count + spec.held
    )
    return _split(torch.from_numpy(x), torch.from_numpy(y), count, spec.held, digest)


def _digits(spec: Spec) -> Examples:
    """1797 handwritten digits of 8² pixels (UCI, shipped with scikit-learn), scaled up to 28², in
    an order given by the seed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise BadInput(
            "scikit-learn", "is not installed", "pip install 'energybench[workloads]'"
        ) from error
    digits = load_digits()
    total = len(digits.target)
    if spec.examples + spec.held > total:
        raise BadInput(
            f"--set examples={spec.examples} held={spec.held}",
            f"there are {total} digits in all",
            f"together at most {total}",
        )
    digest = hashlib.sha256(np.ascontiguousarray(digits.data, "<f8").tobytes())
    order = np.argsort(uniforms(spec.seed, 1, total, digest), kind="stable")
    pixels = torch.from_numpy(digits.data[order].astype(np.float32) / 16).view(-1, 1, 8, 8)
    images = F.interpolate(pixels, (28, 28), mode="bilinear", align_corners=False)
    return _split(
        (images - 0.3) / 0.35,
        torch.from_numpy(digits.target[order].astype(np.int64)),
        spec.examples,
        spec.held,
        digest.hexdigest(),
    )


def _images(spec: Spec, count: int) -> Examples:
    """White noise over a smooth template of the class. With users, the records of a user share a
    further smooth image, the user's style.
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
    """Sequences of a Markov chain with four likely successors of a token. y is x shifted by one
    token.
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
        draw, likely = drawn[place, 0], drawn[place, 1] >= OTHERWISE
        tokens[:, place] = np.where(
            likely,
            after[tokens[:, place - 1], (draw * LIKELY).astype(np.int64)],
            (draw * VOCABULARY).astype(np.int64),
        )
    text = torch.from_numpy(tokens)
    return _split(
        text[:, :-1].contiguous(), text[:, 1:].contiguous(), count, spec.held, digest.hexdigest()
    )


def _split(x: torch.Tensor, y: torch.Tensor, count: int, held_out: int, digest: str) -> Examples:
    end = count + held_out
    return Examples(
        x[:count].contiguous(), y[:count], x[count:end].contiguous(), y[count:end], digest
    )


def drawn(spec: Spec, step: int) -> torch.Tensor:
    """The units of one step's batch, in ascending order. Depends on seed and step alone, so that a
    resumed run draws the same batches as an uninterrupted run.

    Poisson: every unit independently with probability q. Shuffle: the next `batch` units of a
    permutation, drawn anew for every pass; units left over at the end of a pass are skipped.
    """
    if spec.sampling == "poisson":
        return torch.from_numpy(
            np.flatnonzero(uniforms(spec.seed, 1000 + step, spec.examples) < spec.rate)
        )
    passes, place = divmod(step, spec.examples // spec.batch)
    order = np.argsort(uniforms(spec.seed, 1000 + passes, spec.examples), kind="stable")
    return torch.from_numpy(np.sort(order[place * spec.batch : (place + 1) * spec.batch]))
