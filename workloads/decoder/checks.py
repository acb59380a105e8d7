"""Judging a decoder against the same model in float64: a small model as a whole, a large model by
its first layers on a few sequences.

The float64 attention is written out here: transformers' own eager attention computes the softmax in
float32, whatever the model's dtype.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from energybench.model import Verification
from energybench_workloads.common import checked
from energybench_workloads.decoder.model import Batch, build, library, positions, train
from energybench_workloads.decoder.shapes import Shape

if TYPE_CHECKING:
    import torch

# Largest relative errors, of logits to the largest logit and of gradients in the L2 norm; errors up
# to a tenth of these limits have been seen. The faults to catch (a wrong mask, scale, padding or
# gradient) change logits by percents and gradients by tens of percents.
LOGITS = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 1e-2}
GRADIENTS = {"fp32": 1e-3, "bf16": 2e-1, "fp16": 5e-2}
# Distance of a greedy token's logit from the largest logit, over the spread of logits at the
# position
SHORT = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 1e-2}
_EXACT = "energybench_float64"
_WHOLE = 0.25  # share of the free memory that a float64 copy may take
_LAYERS = 2  # layers compared of a larger model


class Reference(NamedTuple):
    """The float64 model, and the working model to compare: the timed model, or its first layers.

    whole  whether every layer is compared
    """

    model: Any
    working: Any
    whole: bool

    @property
    def of(self) -> str:
        return "" if self.whole else f", first {_LAYERS} layers"


def whole(shape: Shape) -> bool:
    """Whether a float64 copy with its gradients is small enough for this machine."""
    return 3 * 8.0 * shape.parameters < _WHOLE * psutil.virtual_memory().available


def reference(
    model: Any,
    shape: Shape,
    places: int,
    attention: str,
    dtype: torch.dtype,
    device: torch.device,
    every_layer: bool,
) -> Reference:
    """A reference with the weights of the timed model: of every layer, or of the first layers."""
    import torch

    small = shape if every_layer else shape._replace(layers=min(_LAYERS, shape.layers))
    weights = model.state_dict()
    exact = build(small, places, exact_attention(shape), torch.float64, torch.device("cpu"), 0)
    exact.load_state_dict(
        {name: weights[name].to("cpu", torch.float64) for name in exact.state_dict()}
    )
    if every_layer:
        return Reference(exact, model, True)
    working = build(small, places, attention, dtype, device, 0)
    working.load_state_dict({name: weights[name] for name in working.state_dict()})
    return Reference(exact, working, False)


def exact_attention(shape: Shape) -> str:
    """The name under which transformers finds the attention below. GPT-Neo accepts only its own
    attention (softmax in the dtype of the values, scores in float32).
    """
    if shape.kind == "gpt_neo":
        return "eager"
    masks = importlib.import_module("transformers.masking_utils")
    library().AttentionInterface.register(_EXACT, _attention)
    masks.AttentionMaskInterface.register(_EXACT, masks.eager_mask)
    return _EXACT


def _attention(
    module: Any,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """softmax(Q Kᵀ scaling + mask) V in the dtype of Q, [batch, length, heads, head_dim]."""
    import torch

    scores = torch.einsum("bhid,bhjd->bhij", q, k) * (
        q.shape[-1] ** -0.5 if scaling is None else scaling
    )
    weights = torch.softmax(scores + attention_mask[..., : k.shape[2]], dim=-1)
    return torch.einsum("bhij,bhjd->bihd", weights, v), None


def generated(
    tokens: torch.Tensor, prompts: Batch, against: Reference, dtype: str
) -> list[Verification]:
    """Judge generated tokens and their logits. A token passes if the float64 model chooses it too,
    or ranks it so close to its own choice that rounding decides.
    """
    import torch

    length = prompts.ids.shape[1]
    if not against.whole:
        rows = sorted({0, len(tokens) - 1})
        tokens, prompts = tokens[rows], prompts.rows(rows)

    # Logits of both models, from the last token of the prompt on
    mask = prompts.mask
    new = torch.ones((len(tokens), tokens.shape[1] - length), dtype=mask.dtype, device=mask.device)
    mask = torch.cat((mask, new), 1)
    exact, working = _logits(against.model, tokens, mask), _logits(against.working, tokens, mask)
    counted = mask[:, length - 1 :].bool().cpu()
    exact, working = exact[:, length - 1 :], working[:, length - 1 :]
    error = ((working - exact).abs().amax(-1) / exact.abs().amax())[counted].max()
    checks = [checked(f"logits against float64{against.of}", float(error), LOGITS[dtype])]

    # Tokens: how far the float64 logit of the chosen token lies below the largest
    if against.whole:
        chosen = exact[:, :-1].gather(-1, tokens[:, length:, None].cpu())[..., 0]
        top, low = exact[:, :-1].amax(-1), exact[:, :-1].amin(-1)
        distance = float(((top - chosen) / (top - low)).max())
        checks.append(checked("greedy tokens against float64", distance, SHORT[dtype]))
    return checks


def trained(
    loss: torch.Tensor, prompts: Batch, against: Reference, dtype: str
) -> list[Verification]:
    """Judge loss and gradients of the timed step; for a large model, of a step of its first layers
    on the first and the last sequence.
    """
    import torch

    if not against.whole:
        prompts = prompts.rows(sorted({0, len(prompts.ids) - 1}))
        loss = train(against.working, prompts)
    exact = float(train(against.model, prompts.to(torch.device("cpu"))))
    truth = dict(against.model.named_parameters())
    mine = {
        name: parameter.grad.to("cpu", torch.float64)
        for name, parameter in against.working.named_parameters()
        if parameter.grad is not None
    }
    attention = [name for name in mine if "attn" in name or "attention" in name]
    relative = abs(float(loss) - exact) / abs(exact)
    checks = [checked(f"loss against float64{against.of}", relative, LOGITS[dtype])]
    for what, names in (("gradients", list(mine)), ("gradients of attention", attention)):
        difference = (
            sum(float((mine[name] - truth[name].grad).square().sum()) for name in names) ** 0.5
        )
        size = sum(float(truth[name].grad.square().sum()) for name in names) ** 0.5
        checks.append(
            checked(f"{what} against float64{against.of}", difference / size, GRADIENTS[dtype])
        )
    missing = sum(truth[name].grad is not None and name not in mine for name in truth)
    return [*checks, checked("gradients missing", float(missing), 0.0)]


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[batch, length, vocab] in float64 on the CPU, with positions as `generate` counts them."""
    import torch

    device = next(model.parameters()).device
    ids, mask = ids.to(device), mask.to(device)
    # OPT derives positions from the mask
    places = {} if model.config.model_type == "opt" else {"position_ids": positions(mask)}
    with torch.no_grad():
        out: torch.Tensor = model(ids, attention_mask=mask, use_cache=False, **places).logits
    return out.to("cpu", torch.float64)
