"""Building a decoder with random weights, drawing tokens with padding, and one step of generating
or training.
"""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from energybench.errors import BadInput, NotHere
from energybench_workloads.common import uniforms
from energybench_workloads.decoder.shapes import Shape, config

if TYPE_CHECKING:
    import torch

PAD = 0


class Batch(NamedTuple):
    """Token ids and mask, [batch, prompt]; labels as transformers defines them: -100 for a token
    that is not to be predicted.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(tensor.to(device) for tensor in self))

    def rows(self, chosen: list[int]) -> Batch:
        return Batch(*(tensor[chosen] for tensor in self))


def library() -> Any:
    """transformers, imported late.

    Raises BadInput if transformers is not installed: the workloads are an optional extra.
    """
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise BadInput(
            "transformers", "is not installed", "pip install 'energybench[workloads]'"
        ) from error
    # transformers would warn that a configuration made here uses the default loss
    transformers.logging.set_verbosity_error()
    return transformers


def build(
    shape: Shape,
    positions: int,
    attention: str,
    dtype: torch.dtype,
    device: torch.device,
    seed: int,
) -> Any:
    """A decoder with random weights from torch's generator of the device.

    Raises NotHere if transformers lacks this attention for the model.
    """
    import torch

    transformers = library()
    configuration = config(transformers, shape, positions)
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.device(device),
    ):
        torch.manual_seed(seed)
        try:
            return transformers.AutoModelForCausalLM.from_config(
                configuration, dtype=dtype, attn_implementation=attention
            )
        except (ValueError, ImportError) as error:
            what = (
                f"transformers {transformers.__version__} has no {attention} attention for "
                f"{shape.kind}"
            )
            raise NotHere(
                f"--set attention={attention}", what, "attention=eager, or another model"
            ) from error


def batch(shape: Shape, rows: int, prompt: int, padding: float, seed: int) -> tuple[Batch, str]:
    """Prompts drawn from Philox, and the digest of the random numbers. The share `padding` of every
    prompt is padding, on the left as generation needs it.
    """
    import torch

    digest = hashlib.sha256()
    drawn = uniforms(seed, 1, rows * prompt, digest).reshape(rows, prompt)
    ids = torch.from_numpy(1 + np.floor(drawn * (shape.vocab - 1)).astype(np.int64))
    padded = min(round(padding * prompt), prompt - 2)
    mask = torch.ones((rows, prompt), dtype=torch.int64)
    mask[:, :padded], ids[:, :padded] = 0, PAD
    labels = ids.masked_fill(mask == 0, -100)
    # The first token would be predicted by a padding position, whose state attends to no token and
    # differs between implementations
    labels[:, padded] = -100
    return Batch(ids, mask, labels), digest.hexdigest()


def generate(model: Any, prompts: Batch, new_tokens: int) -> torch.Tensor:
    """Greedy generation of exactly `new_tokens` tokens: [batch, prompt + new_tokens]."""
    import torch

    with torch.no_grad():
        tokens: torch.Tensor = model.generate(
            prompts.ids,
            attention_mask=prompts.mask,
            do_sample=False,
            num_beams=1,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            pad_token_id=PAD,
        )
    return tokens


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Position of every token among the tokens that are not padding, as `generate` counts."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def train(model: Any, prompts: Batch) -> torch.Tensor:
    """Loss of a training step, whose gradients stay in the model. Gradients of the step before are
    cleared first.

    Parameters do not change, so that every step is the same.
    """
    model.zero_grad(set_to_none=True)
    loss: torch.Tensor = model(
        prompts.ids, attention_mask=prompts.mask, labels=prompts.labels, use_cache=False
    ).loss
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()
