"""The decoders: published shapes, smaller shapes of the same families, and the cost of a step.

Weights are random: nothing is downloaded.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A decoder.

    rotary  number of a head's dimensions with rotary embedding; 0 for learned positions
    """

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
        """Elements of the matrices alone: 4w² of attention and 8w² of the perceptron in a layer,
        the embedding and the head.
        """
        return self.layers * 12 * self.width**2 + 2 * self.vocab * self.width


# As published: layers, heads, head dim, vocabulary, rotary dimensions (from the models' config.json
# on the Hugging Face hub)
MODELS = {
    "gpt2-large": Shape("gpt2", 36, 20, 64, 50257),
    "gpt-neo-2.7b": Shape("gpt_neo", 32, 20, 128, 50257),
    "gpt-j-6b": Shape("gptj", 28, 16, 256, 50400, rotary=64),
    "opt-2.7b": Shape("opt", 32, 32, 80, 50272),
    "gpt-neox-20b": Shape("gpt_neox", 44, 64, 96, 50432, rotary=24),
}


class Size(NamedTuple):
    """A size: upper limits of the model's shape (layers, heads, vocab; None for no limit), and the
    work. The head dim is never cut.
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
    published = MODELS[model]
    return published._replace(
        layers=min(published.layers, size.layers or published.layers),
        heads=min(published.heads, size.heads or published.heads),
        vocab=min(published.vocab, size.vocab or published.vocab),
    )


def config(transformers: Any, shape: Shape, positions: int) -> Any:
    """The library's configuration, without any dropout: the timed model is the validated model."""
    ends = {
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
    }
    if shape.kind == "gpt2":
        return transformers.GPT2Config(
            n_layer=shape.layers,
            n_head=shape.heads,
            n_embd=shape.width,
            vocab_size=shape.vocab,
            n_positions=positions,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **ends,
        )
    if shape.kind == "gptj":
        return transformers.GPTJConfig(
            n_layer=shape.layers,
            n_head=shape.heads,
            n_embd=shape.width,
            vocab_size=shape.vocab,
            n_positions=positions,
            rotary_dim=shape.rotary,
            **ends,
        )
    if shape.kind == "gpt_neo":
        alternating = [["global", "local"], shape.layers // 2]
        return transformers.GPTNeoConfig(
            num_layers=shape.layers,
            num_heads=shape.heads,
            hidden_size=shape.width,
            vocab_size=shape.vocab,
            max_position_embeddings=positions,
            attention_types=[alternating, [["global"], shape.layers % 2]],
            **ends,
        )
    if shape.kind == "opt":
        return transformers.OPTConfig(
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            hidden_size=shape.width,
            word_embed_proj_dim=shape.width,
            ffn_dim=4 * shape.width,
            vocab_size=shape.vocab,
            max_position_embeddings=positions,
            dropout=0.0,
            attention_dropout=0.0,
            layerdrop=0.0,
            **ends,
        )
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "partial_rotary_factor": shape.rotary / shape.head_dim,
    }
    return transformers.GPTNeoXConfig(
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        vocab_size=shape.vocab,
        max_position_embeddings=positions,
        rope_parameters=rope,
        **ends,
    )


def flops(shape: Shape, batch: int, prompt: int, new_tokens: int, training: bool) -> float:
    """Operations on tokens that are not padding: 2 for a matrix element and token; in a layer, 4w
    for a pair of tokens of which the later attends to the earlier. Training counts three times.

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
    """Approximate bytes at the peak: weights (and gradients), activations or cached keys and
    values, scores if eager attention writes scores, logits.
    """
    weights = shape.parameters * (2 if training else 1)
    # Layers whose activations are in memory at once: a backward pass needs every layer's
    layers = shape.layers if training else 1
    per_element = 16 * layers if training else 8 + 2 * shape.layers
    activations = batch * length * shape.width * per_element
    scores = 2 * batch * shape.heads * length**2 * layers if eager else 0
    logits = batch * length * shape.vocab * (3 if training else 1)
    return 1.1 * element_bytes * (weights + activations + scores + logits)
