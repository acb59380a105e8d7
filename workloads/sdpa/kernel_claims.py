"""Published claims about attention alone, as expectations of the cells of a kernel study.

Sources: the blog post "Out of the box acceleration and memory savings of Hugging Face decoder
models with PyTorch 2.0" (2023), and the tables of the benchmark behind the post
(github.com/fxmarty/efficient-attention-benchmark, README: A100-SXM4-80GB, fp16, not causal,
forward).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from energybench.model import Cell, Expectation, Published
from energybench.model.study import Quantity

if TYPE_CHECKING:
    from energybench_workloads.sdpa.kernel_study import Point

    Grid = Sequence[tuple[Point, Cell]]

BLOG = "pytorch.org/blog/out-of-the-box-acceleration (2023), torch 2.0.0"
TABLE = "github.com/fxmarty/efficient-attention-benchmark, README, torch 2.1.0.dev20230306"
GPUS = "A100"
FUSED = ("flash", "efficient", "cudnn", "flex")
_ROUNDED = 0.005  # half of the last digit of "1.01x"
# The formula counts scores and output only; a fused forward pass also stores a log-sum-exp for a
# row, and tiles of its threads
_FOOTPRINT = 1.25
# Relative tolerance within which a published time counts as reproduced: two boards of one kind
# differ by more (arXiv 2208.11035)
_AGAIN = 0.05
# Head dim, eager ms, fused ms at batch 8, seq 1024, heads 12
POINTS = ((32, 1.184, 0.390), (128, 1.656, 1.360))


def claims(points: Sequence[Point], cells: Sequence[Cell]) -> tuple[Published, ...]:
    """The published claims, with their expectations of these cells."""
    grid = list(zip(points, cells, strict=True))
    return (
        *_speedups(grid),
        *_memory(grid),
        *(
            claim
            for head_dim, eager_ms, fused_ms in POINTS
            for claim in _times(grid, head_dim, eager_ms, fused_ms)
        ),
    )


def _speedups(grid: Grid) -> Iterator[Published]:
    """The blog's claims on speed: large for small head dims, and none for large ones."""
    small = [(point, cell) for point, cell in grid if point.shape.head_dim == 8]
    large = [(point, cell) for point, cell in grid if point.shape.head_dim == 128]
    up_to_32 = [(point, cell) for point, cell in grid if point.shape.head_dim <= 32]
    yield _claim(
        "3.4x at head dim 8",
        "the flash kernel is 3.4 times as fast as eager at head dim 8",
        BLOG,
        "any",
        _expect(small, ("flash",), "speedup", low=3.4 - 10 * _ROUNDED),
        note="the claim does not say for which problem size: the largest speedup decides",
    )
    yield _claim(
        "1.01x at head dim 128",
        "and 1.01 times at head dim 128",
        BLOG,
        "any",
        _expect(large, ("flash",), "speedup", low=1.01 - _ROUNDED, high=1.01 + _ROUNDED),
        note="the claim does not say for which problem size",
    )
    yield _claim(
        "falls with the head dim",
        "for one problem size the speedup is lower at head dim 128 than at 8",
        BLOG,
        "every",
        _falling(small, large),
        note="measured: speedup at 8 / speedup at 128",
    )
    yield _claim(
        "up to 3x alone",
        "for small head dims speedups go up to 3x",
        BLOG,
        "any",
        _expect(up_to_32, FUSED, "speedup", low=3.0),
    )


def _falling(small: Grid, large: Grid) -> Iterator[Expectation]:
    """For every problem at head dim 8 that is also measured at 128, and every fused variant of both
    cells: the ratio of speedups is above 1.
    """
    wide = dict(large)
    for point, cell in small:
        other = wide.get(point._replace(shape=point.shape._replace(head_dim=128)))
        if other is None:
            continue
        names = {variant.name for variant in other.variants}
        for variant in cell.variants:
            if variant.name in FUSED and variant.name in names:
                yield Expectation(
                    cell=cell.key,
                    variant=variant.name,
                    quantity="speedup",
                    low=1.0,
                    over=other.key,
                )


def _memory(grid: Grid) -> Iterator[Published]:
    """The blog's claims on memory: the largest saving, and the formula for a forward pass."""
    yield _claim(
        "memory up to 40x alone",
        "memory savings go as high as 40x, depending on the sequence length",
        BLOG,
        "any",
        _expect(grid, FUSED, "extra_memory_ratio", low=40.0),
        note="memory of an iteration beside its inputs",
    )
    yield _claim(
        "memory ratio 2N/d + 1",
        "eager takes 2N² + Nd of memory where a fused kernel takes Nd",
        BLOG,
        "every",
        _by_formula([(point, cell) for point, cell in grid if point.mode == "forward"]),
        note=f"forward, beside the inputs; within a factor {_FOOTPRINT}",
    )


def _by_formula(grid: Grid) -> Iterator[Expectation]:
    """Eager's memory over a fused kernel's, by the formula, for the kernels of the blog."""
    for point, cell in grid:
        ratio = 2 * point.shape.seq / point.shape.head_dim + 1
        present = {variant.name for variant in cell.variants}
        for name in ("flash", "efficient"):
            if name in present:
                yield Expectation(
                    cell=cell.key,
                    variant=name,
                    quantity="extra_memory_ratio",
                    low=ratio / _FOOTPRINT,
                    high=ratio * _FOOTPRINT,
                )


def _times(grid: Grid, head_dim: int, eager_ms: float, fused_ms: float) -> Iterator[Published]:
    """A row of the published table: two times, to be judged on an A100 only, and the ratio of the
    times, to be judged anywhere.
    """
    cells = [
        (point, cell)
        for point, cell in grid
        if tuple(point.shape) == (8, 1024, 12, head_dim)
        and point.mode == "forward"
        and not point.causal
        and point.dtype == "fp16"
    ]
    name = f"(8, 1024, {head_dim}, 12)"
    for variant, ms in (("eager", eager_ms), ("flash", fused_ms)):
        low, high = ms * (1 - _AGAIN) / 1e3, ms * (1 + _AGAIN) / 1e3
        yield _claim(
            f"{name} {variant} {ms:.3f} ms",
            f"{variant} takes {ms:.3f} ms forward",
            TABLE,
            "every",
            _expect(cells, (variant,), "time_s", low=low, high=high),
            only_on=GPUS,
        )
    ratio = eager_ms / fused_ms
    low, high = ratio * (1 - _AGAIN), ratio * (1 + _AGAIN)
    yield _claim(
        f"{name} speedup {ratio:.2f}",
        f"{eager_ms:.3f} ms → {fused_ms:.3f} ms",
        TABLE,
        "every",
        _expect(cells, ("flash",), "speedup", low=low, high=high),
        note="fp16, forward, not causal; ±5 %",
    )


def _claim(
    name: str,
    says: str,
    source: str,
    rule: str,
    expects: Iterable[Expectation],
    note: str = "",
    only_on: str | None = None,
) -> Published:
    return Published(
        name=name,
        says=says,
        source=source,
        published_on=GPUS,
        rule="every" if rule == "every" else "any",
        expects=tuple(expects),
        only_on=only_on,
        note=note,
    )


def _expect(
    grid: Grid,
    variants: Sequence[str],
    quantity: Quantity,
    low: float | None = None,
    high: float | None = None,
) -> list[Expectation]:
    """One expectation for every cell, and every variant of the cell named in `variants`."""
    return [
        Expectation(cell=cell.key, variant=variant.name, quantity=quantity, low=low, high=high)
        for _, cell in grid
        for variant in cell.variants
        if variant.name in variants
    ]
