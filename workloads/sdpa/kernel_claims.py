"""What has been published of attention alone, as expectations of the cells of a kernel study.

Sources: the blog post "Out of the box acceleration and memory savings of Hugging Face decoder
models with PyTorch 2.0" (2023), and the tables of the benchmark it stands on
(github.com/fxmarty/efficient-attention-benchmark, README: A100-SXM4-80GB, fp16, not causal,
forward).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from energybench.model import Cell, Expectation, Published
from energybench.model.study import Quantity

if TYPE_CHECKING:
    from energybench_workloads.sdpa.kernel_study import Point

BLOG = "pytorch.org/blog/out-of-the-box-acceleration (2023), torch 2.0.0"
TABLE = "github.com/fxmarty/efficient-attention-benchmark, README, torch 2.1.0.dev20230306"
GPUS = "A100"
FUSED = ("flash", "efficient", "cudnn", "flex")
_ROUNDED = 0.005  # half of the last digit of "1.01x"
# the formula counts scores and output only; a fused forward also keeps a log-sum-exp a row, and its
# threads' tiles
_FOOTPRINT = 1.25
# within which a published time counts as found again: two boards of a kind differ by more (arXiv
# 2208.11035)
_AGAIN = 0.05
POINTS = (
    (32, 1.184, 0.390),
    (128, 1.656, 1.360),
)  # head dim, eager ms, fused ms at batch 8, seq 1024, heads 12


def claims(points: Sequence[Point], cells: Sequence[Cell]) -> tuple[Published, ...]:
    """Each claim with what it says of these cells."""
    grid = list(zip(points, cells, strict=True))
    small = [(point, cell) for point, cell in grid if point.shape.head_dim == 8]
    large = [(point, cell) for point, cell in grid if point.shape.head_dim == 128]
    forward = [(point, cell) for point, cell in grid if point.mode == "forward"]
    return (
        _claim(
            "3.4x at head dim 8", "the flash kernel is 3.4 times as fast as eager at head dim 8", BLOG, "any",
            _of(small, ("flash",), "speedup", low=3.4 - 10 * _ROUNDED), note="for which problem size is not said: the largest found decides",
        ),
        _claim(
            "1.01x at head dim 128", "and 1.01 times at head dim 128", BLOG, "any",
            _of(large, ("flash",), "speedup", low=1.01 - _ROUNDED, high=1.01 + _ROUNDED), note="for which problem size is not said",
        ),
        _claim(
            "falls with the head dim", "for one problem size the speedup is lower at head dim 128 than at 8", BLOG, "every",
            [
                Expectation(cell=cell.key, variant=variant.name, quantity="speedup", low=1.0, over=other.key)
                for point, cell in small for wide, other in large
                if wide == point._replace(shape=point.shape._replace(head_dim=128))
                for variant in cell.variants if variant.name in FUSED and any(variant.name == also.name for also in other.variants)
            ],
            note="measured: speedup at 8 / speedup at 128",
        ),
        _claim("up to 3x alone", "for small head dims speedups go up to 3x", BLOG, "any",
               _of([(p, c) for p, c in grid if p.shape.head_dim <= 32], FUSED, "speedup", low=3.0)),
        _claim("memory up to 40x alone", "memory savings go as high as 40x, depending on the sequence length", BLOG, "any",
               _of(grid, FUSED, "extra_memory_ratio", low=40.0), note="memory of an iteration beside its inputs"),
        _claim(
            "memory ratio 2N/d + 1", "eager takes 2N² + Nd of memory where a fused kernel takes Nd", BLOG, "every",
            [
                Expectation(cell=cell.key, variant=name, quantity="extra_memory_ratio", low=ratio / _FOOTPRINT, high=ratio * _FOOTPRINT)
                for point, cell in forward for name in ("flash", "efficient") if any(variant.name == name for variant in cell.variants)
                for ratio in [2 * point.shape.seq / point.shape.head_dim + 1]
            ],
            note=f"forward, beside the inputs; within a factor {_FOOTPRINT}",
        ),
        *(claim for head_dim, eager_ms, fused_ms in POINTS for claim in _published(grid, head_dim, eager_ms, fused_ms)),
    )  # fmt: skip


def _published(
    grid: Iterable[tuple[Point, Cell]], head_dim: int, eager_ms: float, fused_ms: float
) -> Iterable[Published]:
    """A row of the published table: both times, only on an A100, and their ratio anywhere."""
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
        expects = _of(
            cells, (variant,), "time_s", low=ms * (1 - _AGAIN) / 1e3, high=ms * (1 + _AGAIN) / 1e3
        )
        yield _claim(
            f"{name} {variant} {ms:.3f} ms",
            f"{variant} takes {ms:.3f} ms forward",
            TABLE,
            "every",
            expects,
            only_on=GPUS,
        )
    ratio = eager_ms / fused_ms
    expects = _of(cells, ("flash",), "speedup", low=ratio * (1 - _AGAIN), high=ratio * (1 + _AGAIN))
    yield _claim(
        f"{name} speedup {ratio:.2f}",
        f"{eager_ms:.3f} ms → {fused_ms:.3f} ms",
        TABLE,
        "every",
        expects,
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
        name=name, says=says, source=source, published_on=GPUS, rule="every" if rule == "every" else "any", expects=tuple(expects), only_on=only_on, note=note
    )  # fmt: skip


def _of(
    grid: Iterable[tuple[Point, Cell]],
    variants: Sequence[str],
    quantity: Quantity,
    low: float | None = None,
    high: float | None = None,
) -> list[Expectation]:
    """The same expectation of each of these variants, where a cell has it."""
    return [
        Expectation(cell=cell.key, variant=variant.name, quantity=quantity, low=low, high=high)
        for _, cell in grid
        for variant in cell.variants
        if variant.name in variants
    ]
