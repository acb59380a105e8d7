"""The model study: whole decoders, eager attention against transformers' sdpa, generating and
training, over models and padding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from energybench.model import Absent, Axes, Cell, Expectation, Published, StudyPlan, Variant
from energybench.model.study import Quantity, Scalar
from energybench_workloads.common import require_torch, torch_device
from energybench_workloads.decoder.model import library
from energybench_workloads.decoder.shapes import MODELS, SIZES, Size, shape_of
from energybench_workloads.grids import Lists
from energybench_workloads.sdpa.kernel_claims import BLOG

PADDING = (0.0, 0.1, 0.2, 0.5, 0.75)  # of the public benchmark
LISTS = (
    "model",
    "mode",
    "padding",
    "dtype",
    "size",
    "batch",
    "prompt",
    "new_tokens",
    "seed",
    "threads",
)
_SHARED = ("new_tokens", "seed", "threads")


class Point(NamedTuple):
    """One grid point: the settings common to both variants."""

    mode: str
    dtype: str
    model: str
    padding: float
    batch: int
    prompt: int

    @property
    def key(self) -> str:
        return (
            f"{self.mode} {self.dtype} {self.model} b{self.batch} n{self.prompt} pad "
            f"{self.padding:g}"
        )


class Grid(NamedTuple):
    """The lists of a study, by the user's settings over the defaults of the device."""

    size_name: str
    models: tuple[str, ...]
    modes: tuple[str, ...]
    padding: tuple[float, ...]
    dtypes: tuple[str, ...]
    batches: tuple[int, ...]
    prompts: tuple[int, ...]

    def points(self, absent: Iterable[str]) -> list[Point]:
        models = [model for model in self.models if model not in absent]
        return [
            Point(*place)
            for place in itertools.product(
                self.modes, self.dtypes, models, self.padding, self.batches, self.prompts
            )
        ]

    def settings(self) -> dict[str, Scalar]:
        return {
            "size": self.size_name,
            "model": ",".join(self.models),
            "mode": ",".join(self.modes),
            "padding": ",".join(f"{part:g}" for part in self.padding),
            "dtype": ",".join(self.dtypes),
            "batch": ",".join(map(str, self.batches)),
            "prompt": ",".join(map(str, self.prompts)),
        }


def _grid(lists: Lists, on_cpu: bool) -> Grid:
    size_name = lists.choices("size", ("S" if on_cpu else "full",), tuple(SIZES))[0]
    size = SIZES[size_name]
    dtypes = ("fp32",) if on_cpu else ("fp16",)
    return Grid(
        size_name,
        models=lists.choices("model", tuple(MODELS), tuple(MODELS)),
        modes=lists.choices("mode", ("inference", "training"), ("inference", "training")),
        padding=lists.shares("padding", (0.0, 0.5) if on_cpu else PADDING),
        dtypes=lists.choices("dtype", dtypes, ("fp32", "bf16", "fp16")),
        batches=lists.wholes("batch", (size.batch,), 1, 2**16),
        prompts=lists.wholes("prompt", (size.prompt,), 4, 2**20),
    )


def model_plan(device: str, settings: Mapping[str, str]) -> StudyPlan:
    """Cells, absent models and claims on this device. Raises BadInput."""
    require_torch()
    library()
    grid = _grid(Lists(settings, LISTS), on_cpu=torch_device(device).type == "cpu")
    size = SIZES[grid.size_name]
    shared = {key: settings[key] for key in _SHARED if key in settings}
    absent = {model: why for model in grid.models if (why := missing(model))}
    points = grid.points(absent)
    cells = [_cell(point, grid.size_name, size, shared) for point in points]
    return StudyPlan(
        name="model",
        title="sdpa in decoders",
        about="Whole decoders with random weights: eager attention against torch's fused kernels "
        "(transformers' sdpa).",
        settings={**grid.settings(), **shared},
        cells=tuple(cells),
        axes=Axes(x="padding", y="model", panels=("mode", "dtype")),
        absent=tuple(
            Absent(
                variant="sdpa",
                where=model,
                reason=why,
                remedy="a version of transformers that has it",
            )
            for model, why in absent.items()
        ),
        claims=_claims(points, cells),
        notes=_notes(grid, size, shared),
    )


def missing(model: str) -> str:
    """Why transformers has no sdpa attention for a model; empty if transformers has it."""
    transformers = library()
    kinds = {
        "gpt2": transformers.GPT2LMHeadModel,
        "gpt_neo": transformers.GPTNeoForCausalLM,
        "gptj": transformers.GPTJForCausalLM,
        "opt": transformers.OPTForCausalLM,
        "gpt_neox": transformers.GPTNeoXForCausalLM,
    }
    kind = MODELS[model].kind
    if getattr(kinds[kind], "_supports_sdpa", False):
        return ""
    return f"transformers {transformers.__version__} has no sdpa attention for {kind}"


def _cell(point: Point, size_name: str, size: Size, shared: Mapping[str, str]) -> Cell:
    common = {
        "model": point.model,
        "mode": point.mode,
        "dtype": point.dtype,
        "padding": f"{point.padding:g}",
        "batch": str(point.batch),
        "prompt": str(point.prompt),
        **shared,
    }
    # Tokens of a row: those trained on, without padding, or those generated
    if point.mode == "training":
        tokens = point.prompt - min(round(point.padding * point.prompt), point.prompt - 2)
    else:
        tokens = int(shared.get("new_tokens", size.new_tokens))
    return Cell(
        key=point.key,
        at=dict(point._asdict()),
        workload="decoder",
        size=size_name,
        variants=tuple(
            Variant(name=attention, settings={"attention": attention, **common})
            for attention in ("eager", "sdpa")
        ),
        step_amount=float(point.batch * tokens),
    )


def _notes(grid: Grid, size: Size, shared: Mapping[str, str]) -> tuple[str, ...]:
    step = (
        f"A step is one greedy generation of {shared.get('new_tokens', size.new_tokens)} tokens, "
        "or one forward and backward pass; all rows are padded alike."
    )
    if size.layers is None:
        return (step,)
    cut = []
    for model in grid.models:
        published, shape = MODELS[model], shape_of(model, size)
        cut.append(
            f"{model} {shape.layers} of {published.layers} layers, {shape.heads} of "
            f"{published.heads} heads of {shape.head_dim}"
        )
    return (
        step,
        f"Size {grid.size_name}: not the published models but smaller ones of their family, head "
        f"dim and positions as published: {'; '.join(cut)}.",
    )


def _claims(points: Sequence[Point], cells: Sequence[Cell]) -> tuple[Published, ...]:
    grid = list(zip(points, cells, strict=True))
    inference, training = (
        [cell for point, cell in grid if point.mode == mode] for mode in ("inference", "training")
    )
    a10g = "A10G and A100"
    return (
        _claim(
            "inference +5-20 %",
            "speedups during inference range from 5 % to 20 %",
            a10g,
            _expect(inference, "speedup", 1.05, 1.20),
        ),
        _claim(
            "training +10-70 %",
            "speedups during training range from 10 % to 70 %",
            a10g,
            _expect(training, "speedup", 1.10, 1.70),
        ),
        _claim(
            "training memory +20-110 %",
            "memory savings during training range from 20 % to over 110 %",
            a10g,
            _expect(training, "memory_ratio", 1.20, None),
        ),
    )


def _claim(name: str, says: str, where: str, expects: Iterable[Expectation]) -> Published:
    return Published(
        name=name,
        says=says,
        source=BLOG,
        published_on=where,
        rule="every",
        expects=tuple(expects),
        note="each cell must lie in the range",
    )


def _expect(
    cells: Iterable[Cell], quantity: Quantity, low: float, high: float | None
) -> list[Expectation]:
    return [
        Expectation(cell=cell.key, variant="sdpa", quantity=quantity, low=low, high=high)
        for cell in cells
    ]
