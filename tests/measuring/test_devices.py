"""Which boards a workload is shown."""

from __future__ import annotations

import pytest

from energybench.errors import BadInput
from energybench.measuring.child import devices


@pytest.mark.parametrize(
    ("device", "environment", "worker", "visible"),
    [
        ("cpu", {}, "cpu", ""),
        ("cuda", {}, "cuda:0", "0"),
        ("cuda:2", {}, "cuda:0", "2"),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}, "cuda:0", "GPU-b"),
        ("cuda", {"CUDA_VISIBLE_DEVICES": " 3 , 1"}, "cuda:0", "3"),
    ],
)
def test_the_worker_sees_just_its_device(
    device: str, environment: dict[str, str], worker: str, visible: str
) -> None:
    """Of the visible ones, by their order; a CPU run sees none."""
    result, env = devices(device, environment)
    assert (result, env["CUDA_VISIBLE_DEVICES"]) == (worker, visible)


@pytest.mark.parametrize(
    ("device", "environment"),
    [
        ("gpu", {}),
        ("cuda:", {}),
        ("cuda:x", {}),
        ("cuda:2", {"CUDA_VISIBLE_DEVICES": "0,1"}),
        ("cuda", {"CUDA_VISIBLE_DEVICES": ""}),
    ],
)
def test_a_device_that_is_none(device: str, environment: dict[str, str]) -> None:
    """Named, with what there is."""
    with pytest.raises(BadInput):
        devices(device, environment)
