"""Attention by every backend against float64, and the meaning of the causal mask."""

from __future__ import annotations

import contextlib
from itertools import product

import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.sdpa import Sdpa, shape
from energybench_workloads.sdpa.backends import (
    BACKENDS,
    ON_CPU,
    allowed,
    attention,
    causal_mask,
    require_backend,
)
from energybench_workloads.sdpa.checks import reference

# With a sequence length that no tile divides
SMALL = {
    "batch": "2",
    "seq": "67",
    "heads": "3",
    "head_dim": "16",
    "iterations": "2",
    "threads": "1",
}
CPU = torch.device("cpu")
# Without flex: compiling FlexAttention for a shape takes seconds
QUICK = tuple(backend for backend in ON_CPU if backend != "flex")


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("mode", ["forward", "training"])
@pytest.mark.parametrize("causal", ["true", "false"])
@pytest.mark.parametrize("backend", QUICK)
def test_outputs_and_gradients_against_float64(
    backend: str, causal: str, mode: str, dtype: str
) -> None:
    workload = Sdpa()
    workload.setup(
        "smoke",
        "cpu",
        region,
        {**SMALL, "backend": backend, "causal": causal, "mode": mode, "dtype": dtype},
    )
    workload.run(region)
    checks = workload.verify()
    assert [check for check in checks if not check.passed] == []
    compared = {check.quantity for check in checks if "float64" in check.quantity}
    names = ("output", "dQ", "dK", "dV") if mode == "training" else ("output",)
    assert compared == {f"{name} against float64" for name in names}


def test_causal_mask_is_seq_by_seq() -> None:
    """The mask is N x N, not d x d: query i attends to keys up to i and to no later key."""
    mask = causal_mask(5, torch.float32, CPU)
    assert mask.shape == (5, 5)
    for i, j in product(range(5), range(5)):
        assert mask[i, j] == (0 if j <= i else -torch.inf)


@pytest.mark.parametrize("backend", ON_CPU)
def test_the_future_does_not_matter(backend: str) -> None:
    """Changing keys and values from position 40 on changes the outputs from position 40 on, and no
    earlier output.
    """
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn((1, 2, 67, 16), generator=generator) for _ in range(3))
    later_k, later_v = k.clone(), v.clone()
    later_k[:, :, 40:] += 1
    later_v[:, :, 40:] -= 1
    attend = attention(backend, True, 67, torch.float32, CPU)
    with allowed(backend, CPU):
        before, after = attend(q, k, v), attend(q, later_k, later_v)
    torch.testing.assert_close(before[:, :, :40], after[:, :, :40])
    assert float((before[:, :, 40:] - after[:, :, 40:]).abs().amax((0, 1, 3)).min()) > 0.01
    torch.testing.assert_close(before[:, :, 0], v[:, :, 0])  # the first query has one key


def test_reference_by_hand() -> None:
    """Two tokens, one dimension: softmax([0, ln 3]) = [1/4, 3/4]."""
    q, k, v = (
        torch.tensor(column, dtype=torch.float64)[:, None]
        for column in ([5.0, 1.0], [0.0, torch.tensor(3.0).double().log().item()], [2.0, 6.0])
    )
    torch.testing.assert_close(
        reference(q, k, v, causal=True)[:, 0], torch.tensor([2.0, 5.0], dtype=torch.float64)
    )


@pytest.mark.parametrize("backend", ["efficient", "cudnn"])
def test_a_backend_missing_on_a_cpu_is_bad_input(backend: str) -> None:
    with pytest.raises(BadInput, match="on a CPU"):
        require_backend(backend, True, False, 16, torch.float32, CPU)


def test_flops_and_bytes() -> None:
    """4BHN²d forward, half as many if causal, 3.5 times with gradients; 4BHNd, 12BHNd elements."""
    point = shape.Shape(batch=2, seq=512, heads=12, head_dim=64)
    assert shape.flops(point, causal=False, training=False) == 4 * 2 * 12 * 512**2 * 64
    assert shape.flops(point, causal=True, training=False) == 2 * 2 * 12 * 512**2 * 64
    assert shape.flops(point, causal=False, training=True) == 14 * 2 * 12 * 512**2 * 64
    assert shape.moved_bytes(point, training=False, element_bytes=2) == 4 * 2 * 12 * 512 * 64 * 2
    assert shape.moved_bytes(point, training=True, element_bytes=4) == 12 * 2 * 12 * 512 * 64 * 4


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["forward", "training"])
@pytest.mark.parametrize("causal", ["true", "false"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_gpu_backends_against_float64(backend: str, causal: str, mode: str) -> None:
    workload = Sdpa()
    settings = {
        **SMALL,
        "seq": "256",
        "head_dim": "64",
        "backend": backend,
        "causal": causal,
        "mode": mode,
        "dtype": "bf16",
    }
    try:
        workload.setup("smoke", "cuda", region, settings)
    except BadInput as error:
        pytest.skip(str(error))
    workload.run(region)
    assert [check for check in workload.verify() if not check.passed] == []
