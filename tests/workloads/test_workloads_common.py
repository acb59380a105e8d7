"""Helpers of every workload: inputs, fingerprints, checks, settings and devices."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench_workloads.common import (
    checked,
    fingerprint,
    has_huge_pages,
    normals,
    short,
    torch_device,
    uniforms,
)
from energybench_workloads.settings import Settings


def test_uniforms_are_the_same_everywhere() -> None:
    """Golden words of Philox 4x64: a second machine, or a later NumPy, with different words would
    solve a different problem.
    """
    assert [value.hex() for value in uniforms(1, 2, 3)] == [
        "0x1.3cbd0c4ed54dap-2",
        "0x1.6d85ef8c867fcp-2",
        "0x1.2e5268edf24e0p-5",
    ]


def test_uniforms_do_not_depend_on_the_block_and_streams_differ() -> None:
    many = uniforms(7, 1, (1 << 20) + 5)
    assert np.array_equal(many[:5], uniforms(7, 1, 5))
    assert not np.array_equal(uniforms(7, 1, 5), uniforms(7, 2, 5))
    assert not np.array_equal(uniforms(7, 1, 5), uniforms(8, 1, 5))
    assert many.min() >= 0
    assert many.max() < 1


def test_digest_is_that_of_the_bytes_drawn() -> None:
    digest = hashlib.sha256()
    values = uniforms(3, 1, 1000, digest)
    assert digest.hexdigest() == hashlib.sha256(values.tobytes()).hexdigest()


def test_normals_are_standard() -> None:
    """Mean and variance within four standard errors, and no infinity for u = 0."""
    values = normals(1, 1, 40_001)
    assert len(values) == 40_001
    assert abs(values.mean()) < 4 / 200
    assert abs(values.var() - 1) < 4 * 2**0.5 / 200
    assert np.isfinite(values).all()


def test_fingerprint_knows_only_the_problem() -> None:
    assert fingerprint({"a": 1, "b": 2.0}, "x") == fingerprint({"b": 2.0, "a": 1}, "x")
    assert fingerprint({"a": 1, "b": 2.0}, "x") != fingerprint({"a": 1, "b": 2.5}, "x")
    assert fingerprint({"a": 1}, "x") != fingerprint({"a": 1}, "y")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_fails_and_is_recorded_as_none(value: float) -> None:
    result = checked("q", value, 1.0)
    assert result.value is None
    assert not result.passed


def test_checked_compares_the_size() -> None:
    assert checked("q", -0.5, 1.0).passed
    assert not checked("q", -1.5, 1.0).passed


@pytest.mark.parametrize(
    ("value", "text"), [(1e-10, "1e-10"), (1e-6, "1e-6"), (2.5e-7, "2.5e-7"), (0.01, "0.01")]
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text


def read(texts: dict[str, str]) -> tuple[int, float, bool]:
    settings = Settings(texts, ("n", "m", "f"))
    return settings.whole("n", 1, 1, 9), settings.number("m", 0.5, 0, 1), settings.flag("f", True)


def test_settings_are_read_or_take_their_default() -> None:
    assert read({}) == (1, 0.5, True)
    assert read({"n": "9", "m": "1e-3", "f": "false"}) == (9, 1e-3, False)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("colour", "red", "n, m, f"),
        ("n", "two", "1 to 9"),
        ("n", "12", "1 to 9"),
        ("m", "nan", "0 to 1"),
        ("m", "x", "0 to 1"),
        ("f", "yes", "true, false"),
    ],
)
def test_wrong_settings_are_named_with_what_is_allowed(key: str, value: str, allowed: str) -> None:
    with pytest.raises(BadInput, match=f"{key}.*{allowed}"):
        read({key: value})


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:", "node", "cuda:-1"])
def test_wrong_device_is_one_line_with_a_remedy(device: str) -> None:
    with pytest.raises(BadInput) as caught:
        torch_device(device)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_cuda_without_a_gpu_is_bad_input() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BadInput, match="--device cuda"):
        torch_device("cuda")


def test_missing_torch_is_bad_input_with_the_command_that_installs_torch() -> None:
    """In a separate process, in which importing torch fails as without the extra."""
    code = """
import contextlib, sys
sys.modules["torch"] = None
from energybench.errors import BadInput
from energybench.registry import load
for name in ("milc", "sdpa"):
    try:
        load("workloads", name).setup("smoke", "cpu", lambda label: contextlib.nullcontext(), {})
    except BadInput as error:
        assert str(error) == "torch: is not installed (pip install 'energybench[workloads]')", error
    else:
        raise SystemExit(name)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("mode", "variable", "has"),
    [
        ("[always] madvise never", "0", True),
        ("always [madvise] never", "1", True),
        ("always [madvise] never", "0", False),
        ("always madvise [never]", "1", False),
    ],
)
def test_huge_pages_are_reported_if_torch_asks_and_the_kernel_grants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, variable: str, has: bool
) -> None:
    folder = tmp_path / "sys/kernel/mm/transparent_hugepage"
    folder.mkdir(parents=True)
    (folder / "enabled").write_text(mode)
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", variable)
    assert has_huge_pages(tmp_path) is has
    assert not has_huge_pages(tmp_path / "elsewhere")
