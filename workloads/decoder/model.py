"""Building a decoder with random weights, its tokens with their padding, and one step of either
mode.
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
    """Token ids and mask, [batch, prompt]; labels as transformers has them: -100 where a token is
    not to be predicted.
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

    Raises BadInput where it is not installed: the workloads are an optional extra.
    """
    try:
        found = importlib.import_module("transformers")
    except ImportError as error:
        raise BadInput(
            "transformers", "is not installed", "pip install 'energybench[workloads]'"
        ) from error
    # of a configuration of its own it warns that the loss is the default one
    found.logging.set_verbosity_error()
    return found


def build(
    shape: Shape,
    positions: int,
    attention: str,
    dtype: torch.dtype,
    device: torch.device,
    seed: int,
) -> Any:
    """A decoder with random weights from torch's generator of that device.

    Raises NotHere where transformers has no such attention for it.
    """
    import torch

    transformers = library()
    made = config(transformers, shape, positions)
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.device(device),
    ):
        torch.manual_seed(seed)
        try:
            return transformers.AutoModelForCausalLM.from_config(
                made, dtype=dtype, attn_implementation=attention
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
    """Prompts from Philox, the first `padding` of each being padding (on the left, as a decoder
    that generates needs it), and the digest of the numbers.
    """
    import torch

    digest = hashlib.sha256()
    drawn = uniforms(seed, 1, rows * prompt, digest).reshape(rows, prompt)
    ids = torch.from_numpy(1 + np.floor(drawn * (shape.vocab - 1)).astype(np.int64))
    padded = min(round(padding * prompt), prompt - 2)
    mask = torch.ones((rows, prompt), dtype=torch.int64)
    mask[:, :padded], ids[:, :padded] = 0, PAD
    labels = ids.masked_fill(mask == 0, -100)
    labels[
        :, padded
        # what a padding position would predict: its state sees nothing, and is what each
        # implementation makes of that
    ] = -100
    return Batch(ids, mask, labels), digest.hexdigest()


def generate(model: Any, given: Batch, new_tokens: int) -> torch.Tensor:
    """Greedy, exactly so many new tokens: [batch, prompt + new_tokens]."""
    import torch

    with torch.no_grad():
        made: torch.Tensor = model.generate(
            given.ids,
            attention_mask=given.mask,
            do_sample=False,
            num_beams=1,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            pad_token_id=PAD,
        )
    return made


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Of each token among those that are no padding, as `generate` counts them."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def train(model: Any, given: Batch) -> torch.Tensor:
    """Loss and gradients, which are cleared before: none adds to the one of the step before.

    Parameters stay as they are, so that every step is the same.
    """
    model.zero_grad(set_to_none=True)
    loss: torch.Tensor = model(
        given.ids, attention_mask=given.mask, labels=given.labels, use_cache=False
    ).loss
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()
