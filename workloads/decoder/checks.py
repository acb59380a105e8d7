"""Judging a decoder: against the same model in float64, whole where that is small, else its first
layers on a few sequences.

Its attention is written out here: transformers' own eager one computes the softmax in float32
whatever the model's dtype.
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

# Largest relative errors, of logits to the largest logit and of gradients in the L2 norm: seen up
# to a tenth of these. What a check must catch (a wrong mask, scale, padding or gradient) changes
# logits by percents and gradients by tens of percents.
LOGITS = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 1e-2}
GRADIENTS = {"fp32": 1e-3, "bf16": 2e-1, "fp16": 5e-2}
SHORT = {
    "fp32": 1e-4,
    "bf16": 5e-2,
    "fp16": 1e-2,
}  # of a greedy token's logit from the largest, over the spread of that position's logits
_EXACT = "energybench_float64"
_WHOLE = 0.25  # of the free memory that a float64 copy may take
_LAYERS = 2  # of a model that is too large for that


class Reference(NamedTuple):
    """The float64 model, and the working one that it is compared with: the model that was timed, or
    its first layers.
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
    whole: bool,
) -> Reference:
    """Built of the timed model's own weights: of all layers, or of the first."""
    import torch

    small = shape if whole else shape._replace(layers=min(_LAYERS, shape.layers))
    weights = model.state_dict()
    exact = build(small, places, exact_attention(shape), torch.float64, torch.device("cpu"), 0)
    exact.load_state_dict(
        {name: weights[name].to("cpu", torch.float64) for name in exact.state_dict()}
    )
    if whole:
        return Reference(exact, model, True)
    working = build(small, places, attention, dtype, device, 0)
    working.load_state_dict({name: weights[name] for name in working.state_dict()})
    return Reference(exact, working, False)


def exact_attention(shape: Shape) -> str:
    """The name under which transformers knows the attention below; GPT-Neo takes none but its own
    (softmax in the dtype of the values, scores in float32).
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
    made: torch.Tensor, given: Batch, against: Reference, dtype: str
) -> list[Verification]:
    """The tokens: each is the float64 model's own choice, or so near to it that rounding decides.

    The logits that led to them.
    """
    import torch

    prompt = given.ids.shape[1]
    if not against.whole:
        rows = sorted({0, len(made) - 1})
        made, given = made[rows], given.rows(rows)
    mask = torch.cat(
        (
            given.mask,
            torch.ones(
                (len(made), made.shape[1] - prompt),
                dtype=given.mask.dtype,
                device=given.mask.device,
            ),
        ),
        1,
    )
    exact, working = _logits(against.model, made, mask), _logits(against.working, made, mask)
    seen = mask[:, prompt - 1 :].bool().cpu()
    exact, working = exact[:, prompt - 1 :], working[:, prompt - 1 :]
    error = ((working - exact).abs().amax(-1) / exact.abs().amax())[seen].max()
    found = [checked(f"logits against float64{against.of}", float(error), LOGITS[dtype])]
    if against.whole:
        chosen = exact[:, :-1].gather(-1, made[:, prompt:, None].cpu())[..., 0]
        top, low = exact[:, :-1].amax(-1), exact[:, :-1].amin(-1)
        found.append(
            checked(
                "greedy tokens against float64",
                float(((top - chosen) / (top - low)).max()),
                SHORT[dtype],
            )
        )
    return found


def trained(loss: torch.Tensor, given: Batch, against: Reference, dtype: str) -> list[Verification]:
    """Loss and gradients of the timed step, or of one by the first layers on the first and the last
    sequence.
    """
    import torch

    if not against.whole:
        given = given.rows(sorted({0, len(given.ids) - 1}))
        loss = train(against.working, given)
    exact = float(train(against.model, given.to(torch.device("cpu"))))
    truth = dict(against.model.named_parameters())
    mine = {
        name: parameter.grad.to("cpu", torch.float64)
        for name, parameter in against.working.named_parameters()
        if parameter.grad is not None
    }
    attention = [name for name in mine if "attn" in name or "attention" in name]
    found = [
        checked(
            f"loss against float64{against.of}",
            abs(float(loss) - exact) / abs(exact),
            LOGITS[dtype],
        )
    ]
    for what, names in (("gradients", list(mine)), ("gradients of attention", attention)):
        difference = (
            sum(float((mine[name] - truth[name].grad).square().sum()) for name in names) ** 0.5
        )
        size = sum(float(truth[name].grad.square().sum()) for name in names) ** 0.5
        found.append(
            checked(f"{what} against float64{against.of}", difference / size, GRADIENTS[dtype])
        )
    missing = sum(truth[name].grad is not None and name not in mine for name in truth)
    return [*found, checked("gradients missing", float(missing), 0.0)]


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[batch, length, vocab] in float64 on the CPU, with positions as `generate` counts them."""
    import torch

    device = next(model.parameters()).device
    ids, mask = ids.to(device), mask.to(device)
    places = (
        {} if model.config.model_type == "opt" else {"position_ids": positions(mask)}
    )  # OPT counts by the mask itself
    with torch.no_grad():
        out: torch.Tensor = model(ids, attention_mask=mask, use_cache=False, **places).logits
    return out.to("cpu", torch.float64)
