"""The decoders: their published shapes, the smaller ones of the same family, and what they cost.

Weights are random: nothing is downloaded.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A decoder. `rotary`: how many of a head's dimensions are rotated; 0: learned positions."""

    kind: str  # transformers' model type
    layers: int
    heads: int
    head_dim: int
    vocab: int
    rotary: int = 0

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    @property
    def parameters(self) -> int:
        """Matrices alone: 4w² of attention and 8w² of the perceptron a layer, the embedding and the
        head.
        """
        return self.layers * 12 * self.width**2 + 2 * self.vocab * self.width


# As published: layers, heads, head dim, vocabulary, rotary dimensions (config.json of each on the
# Hugging Face hub)
MODELS = {
    "gpt2-large": Shape("gpt2", 36, 20, 64, 50257),
    "gpt-neo-2.7b": Shape("gpt_neo", 32, 20, 128, 50257),
    "gpt-j-6b": Shape("gptj", 28, 16, 256, 50400, rotary=64),
    "opt-2.7b": Shape("opt", 32, 32, 80, 50272),
    "gpt-neox-20b": Shape("gpt_neox", 44, 64, 96, 50432, rotary=24),
}


class Size(NamedTuple):
    """How much of a model, and the work. layers, heads, vocab: at most; None, as published. The
    head dim is always the model's own.
    """

    layers: int | None
    heads: int | None
    vocab: int | None
    batch: int
    prompt: int
    new_tokens: int


SIZES = {
    "smoke": Size(1, 2, 256, 2, 32, 4),
    "S": Size(2, 4, 1024, 4, 128, 16),
    "M": Size(4, 8, 4096, 4, 512, 32),
    "full": Size(None, None, None, 8, 512, 64),
}


def shape_of(model: str, size: Size) -> Shape:
    """The model cut down to a size: fewer layers, narrower (fewer heads of the same head dim), a
    smaller vocabulary.
    """
    whole = MODELS[model]
    layers, heads, vocab = (
        min(full, most or full)
        for full, most in (
            (whole.layers, size.layers),
            (whole.heads, size.heads),
            (whole.vocab, size.vocab),
        )
    )
    return whole._replace(layers=layers, heads=heads, vocab=vocab)


def config(transformers: Any, shape: Shape, positions: int) -> Any:
    """The library's configuration, without dropout anywhere: what is validated is what is timed."""
    w, ends = (
        shape.width,
        {
            "bos_token_id": None,
            "eos_token_id": None,
            "pad_token_id": 0,
            "tie_word_embeddings": False,
        },
    )
    if shape.kind == "gpt2":
        return transformers.GPT2Config(
            n_layer=shape.layers, n_head=shape.heads, n_embd=w, vocab_size=shape.vocab, n_positions=positions, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            **ends,
        )  # fmt: skip
    if shape.kind == "gptj":
        return transformers.GPTJConfig(
            n_layer=shape.layers,
            n_head=shape.heads,
            n_embd=w,
            vocab_size=shape.vocab,
            n_positions=positions,
            rotary_dim=shape.rotary,
            **ends,
        )
    if shape.kind == "gpt_neo":
        return transformers.GPTNeoConfig(
            num_layers=shape.layers, num_heads=shape.heads, hidden_size=w, vocab_size=shape.vocab, max_position_embeddings=positions,
            attention_types=[[["global", "local"], shape.layers // 2], [["global"], shape.layers % 2]], **ends,
        )  # fmt: skip
    if shape.kind == "opt":
        return transformers.OPTConfig(
            num_hidden_layers=shape.layers, num_attention_heads=shape.heads, hidden_size=w, word_embed_proj_dim=w, ffn_dim=4 * w, vocab_size=shape.vocab,
            max_position_embeddings=positions, dropout=0.0, attention_dropout=0.0, layerdrop=0.0, **ends,
        )  # fmt: skip
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "partial_rotary_factor": shape.rotary / shape.head_dim,
    }
    return transformers.GPTNeoXConfig(
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, hidden_size=w, intermediate_size=4 * w, vocab_size=shape.vocab,
        max_position_embeddings=positions, rope_parameters=rope, **ends,
    )  # fmt: skip


def flops(shape: Shape, batch: int, prompt: int, new_tokens: int, training: bool) -> float:
    """Of the tokens that are no padding: 2 a matrix element and token, 4w a layer and pair of
    tokens of which one sees the other; training three times.

    Source: Kaplan et al., arXiv:2001.08361, section 2.1; attention as in the workload sdpa.
    """
    tokens = prompt + max(new_tokens - 1, 0)
    matrices = 2.0 * shape.layers * 12 * shape.width**2 * tokens
    head = 2.0 * shape.vocab * shape.width * (prompt if training else new_tokens)
    pairs = 4.0 * shape.width * shape.layers * tokens**2 / 2
    return batch * (matrices + head + pairs) * (3 if training else 1)


def memory(
    shape: Shape, batch: int, length: int, training: bool, eager: bool, element_bytes: int
) -> float:
    """Bytes at the peak, roughly: weights (and gradients), activations or cached keys and values,
    scores where they are written out, logits.
    """
    weights = shape.parameters * (2 if training else 1)
    kept = shape.layers if training else 1
    activations = (
        batch * length * shape.width * ((16 * kept) if training else (8 + 2 * shape.layers))
    )
    scores = 2 * batch * shape.heads * length**2 * kept if eager else 0
    logits = batch * length * shape.vocab * (3 if training else 1)
    return 1.1 * element_bytes * (weights + activations + scores + logits)
