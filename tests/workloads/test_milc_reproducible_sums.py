"""Sums that do not depend on the order of summation, and the value and unit of a sum."""

from __future__ import annotations

import math

import pytest
import torch

from energybench_workloads.milc.halo import ALONE
from energybench_workloads.milc.reproducible_sums import BITS, Totals, parts, settle, settle_here

ONE = torch.ones((), dtype=torch.float64)


def numbers(count: int, dtype: torch.dtype) -> torch.Tensor:
    """Positive, over twelve orders of magnitude."""
    generator = torch.Generator().manual_seed(1)
    return torch.exp(
        torch.empty(count, dtype=torch.float64).uniform_(-14, 14, generator=generator)
    ).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_any_order_gives_the_same_bits(dtype: torch.dtype, scale: float) -> None:
    """100 003 numbers in three orders, and in two halves, have one value: math.fsum's to 1e-14.
    Plain sums in fp64 differ here, so the test can fail.
    """
    sites = numbers(100_003, dtype) * scale
    orders = [
        sites,
        sites.flip(0),
        sites[torch.randperm(len(sites), generator=torch.Generator().manual_seed(2))],
    ]
    totals = [Totals(ALONE, torch.device("cpu"), settle_here) for _ in orders]
    values = [
        float(total.of("r", lambda unit, order=order: parts(order, unit)))
        for total, order in zip(totals, orders, strict=True)
    ]  # type: ignore[misc]
    unit = totals[0].unit("r")
    halves = parts(sites[:31_415], unit) + parts(sites[31_415:], unit)
    assert len(set(values)) == 1
    assert float(settle_here(halves, unit)[0]) == values[0]
    assert values[0] == pytest.approx(math.fsum(sites.tolist()), rel=1e-14)
    assert (
        len(
            {float(order.double().sum()) for order in orders}
            | {float(torch.cumsum(order.double(), 0)[-1]) for order in orders}
        )
        > 1
    )


@pytest.mark.parametrize("value", [0.0, 1.0, 3.7e-200, 5.5e250, 2.0**40, math.nan, math.inf, -2.5])
def test_both_ways_settle_the_same(value: float) -> None:
    """Tensors on a device and numbers on a CPU give equal values and units, bit for bit."""
    for unit in (ONE, ONE * 2.0**20):
        sums = parts(torch.tensor([value], dtype=torch.float64), unit)
        here, there = settle_here(sums, unit), settle(sums, unit)
        for a, b in zip(here, there, strict=True):
            assert torch.equal(a, b) or (bool(a.isnan()) and bool(b.isnan()))
        if math.isfinite(value) and value:
            assert 2.0 ** (BITS - 1) <= abs(value) * float(here[1]) < 2.0**BITS


def test_a_sum_that_fell_far_below_its_unit_is_the_plain_one() -> None:
    """A restart can make |r|² smaller by 1e-30; the sum must not become zero."""
    totals = Totals(ALONE, torch.device("cpu"), settle_here)
    totals.of("r", lambda unit: parts(torch.ones(1000), unit))
    assert float(
        totals.add("r", parts(torch.full((1000,), 1e-30), totals.unit("r")))
    ) == pytest.approx(1e-27)
