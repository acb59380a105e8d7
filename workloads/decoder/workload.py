"""decoder: generate greedily, or make a training step, with eager attention or with torch's
scaled_dot_product_attention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from energybench.model import Memory, Verification, Work
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    affinity,
    fingerprint,
    require_memory,
    require_torch,
    synchronise,
    torch_device,
    use_threads,
)
from energybench_workloads.decoder import checks
from energybench_workloads.decoder.model import Batch, batch, build, generate, library, train
from energybench_workloads.decoder.shapes import MODELS, SIZES, flops, memory, shape_of
from energybench_workloads.memory import counted, fits
from energybench_workloads.settings import Scalar, Settings, check_size

if TYPE_CHECKING:
    import torch

# Of the problem: raise the version when the same settings no longer give the same inputs
VERSION = 1
DTYPES = {"fp32": ("float32", 4), "bf16": ("bfloat16", 2), "fp16": ("float16", 2)}
ATTENTION = ("eager", "sdpa")
SETTINGS = (
    "model",
    "attention",
    "mode",
    "dtype",
    "padding",
    "batch",
    "prompt",
    "new_tokens",
    "seed",
    "threads",
)


class Decoder:
    """Decoders shaped like published models, random weights, eager attention or sdpa
    (docs/workloads/decoder.md).
    """

    name = "decoder"
    about = (
        "A language model that generates or trains, attention eager or fused: what attention is "
        "worth in a whole model."
    )
    sizes: Sequence[str] = tuple(SIZES)

    def __init__(self) -> None:
        self._read("smoke", {})
        self._model: Any = None
        self._batch: Batch | None = None
        self._result: torch.Tensor | None = None  # the tokens, or the loss
        self._reference: checks.Reference | None = None
        self._fingerprint = ""

    def _read(self, size: str, settings: Mapping[str, str]) -> None:
        s, preset = Settings(settings, SETTINGS), SIZES[size]
        self._name = s.choice("model", "gpt2-large", tuple(MODELS))
        self._attention = s.choice("attention", "sdpa", ATTENTION)
        self._mode = s.choice("mode", "inference", ("inference", "training"))
        self._dtype = s.choice("dtype", "fp32", tuple(DTYPES))
        self._padding = s.number("padding", 0.0, 0.0, 0.95)
        self._rows = s.whole("batch", preset.batch, 1, 2**16)
        self._prompt = s.whole("prompt", preset.prompt, 4, 2**20)
        self._new = s.whole("new_tokens", preset.new_tokens, 1, 2**20)
        self._seed = s.whole("seed", 1, 0, 2**63 - 1)
        self._threads = s.threads()
        self._shape = shape_of(self._name, preset)

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        self._read(size, settings)
        require_torch()
        library()
        import torch

        # The device, and whether its memory is large enough
        self._device = torch_device(device)
        self._threads = use_threads(self._threads)
        dtype_name, element = DTYPES[self._dtype]
        training = self._mode == "training"
        length = self._prompt if training else self._prompt + self._new
        needed = memory(
            self._shape, self._rows, length, training, self._attention == "eager", element
        )
        require_memory(
            self.name, size, self._device, needed if self._device.type == "cpu" else 0.0, needed
        )

        # The model and its prompts
        self._model = self._batch = self._result = self._reference = None
        with fits(f"{self.name} --size {size}"):
            self._model = build(
                self._shape,
                self._places,
                self._attention,
                getattr(torch, dtype_name),
                self._device,
                self._seed,
            ).train(training)
            prompts, digest = batch(
                self._shape, self._rows, self._prompt, self._padding, self._seed
            )
            self._batch = prompts.to(self._device)

        # The identity of the problem
        problem = {
            "workload": self.name,
            "version": VERSION,
            "shape": self._shape,
            "work": (self._rows, self._prompt, 0 if training else self._new),
            "mode": self._mode,
            "padding": self._padding,
            "dtype": self._dtype,
            "seed": self._seed,
            "weights": self._device.type,
        }
        self._fingerprint = fingerprint(problem, digest)

    @property
    def _places(self) -> int:
        """Number of positions of the model."""
        return self._prompt + self._new

    def settings(self) -> Mapping[str, Scalar]:
        return {
            "model": self._name,
            "attention": self._attention,
            "mode": self._mode,
            "dtype": self._dtype,
            "padding": self._padding,
            "batch": self._rows,
            "prompt": self._prompt,
            "new_tokens": self._new,
            "layers": self._shape.layers,
            "heads": self._shape.heads,
            "head_dim": self._shape.head_dim,
            "vocab": self._shape.vocab,
            "seed": self._seed,
            "threads": self._threads,
            "affinity": affinity(),
        }

    def run(self, region: RegionFactory) -> Work:
        if self._batch is None:
            raise RuntimeError("decoder: run before setup")
        with fits(self.name):
            self._result = self._step()
            synchronise(self._device)
        training = self._mode == "training"
        tokens = int(self._batch.mask.sum())  # without padding
        prompt = tokens // self._rows
        return Work(
            amount=float(tokens if training else self._rows * self._new),
            unit="token trained on" if training else "token generated",
            fingerprint=self._fingerprint,
            precision="equal-precision",
            flops=flops(self._shape, self._rows, prompt, 0 if training else self._new, training),
        )

    def _step(self) -> torch.Tensor:
        assert self._batch is not None
        if self._mode == "training":
            return train(self._model, self._batch)
        return generate(self._model, self._batch, self._new)

    def memory(self) -> Memory:
        """Memory of one step beside the weights; gradients count as memory of a training step."""
        weights = sum(parameter.nbytes for parameter in self._model.parameters())
        with fits(self.name):
            return counted(self._step, weights, self._device, clear=self._clear)

    def _clear(self) -> None:
        self._model.zero_grad(set_to_none=True)

    def verify(self) -> Sequence[Verification]:
        if self._result is None or self._batch is None:
            raise RuntimeError("decoder: verify before run")
        import torch

        if self._reference is None:
            self._reference = checks.reference(
                self._model,
                self._shape,
                self._places,
                self._attention,
                getattr(torch, DTYPES[self._dtype][0]),
                self._device,
                every_layer=checks.whole(self._shape),
            )
        judge = checks.trained if self._mode == "training" else checks.generated
        return judge(self._result, self._batch, self._reference, self._dtype)
