"""The language model: Hugging Face's Qwen2 classes, of any size, with a static key/value cache for the robot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inspire_training.model.causal_lm import CausalLMBackbone
from inspire_training.model.libraries import Qwen2Config, Qwen2Model, apply_rotary_pos_emb
from inspire_training.model.presets import BackboneConfig


class SlotCache:
    """A cache that never changes: past keys and values in fixed slots, the new ones handed out beside it.

    Arguments of shape (layers, B, kv_heads, S, head_dim). Masking the empty slots is the caller's.
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self._keys, self._values = keys, values
        self.new_keys: list[Tensor] = []
        self.new_values: list[Tensor] = []

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """What a layer attends to: the slots, then the new rows."""
        self.new_keys.append(keys)
        self.new_values.append(values)
        return torch.cat([self._keys[layer], keys], dim=2), torch.cat([self._values[layer], values], dim=2)


class Backbone(Protocol):
    """What the policy needs of a language model with `config` and an embedding table.

    `model` is the decoder itself, for what changes its kind of attention.
    """

    config: BackboneConfig
    model: Any

    def embed(self, token_ids: Tensor) -> Tensor:
        """Embeddings (B, T, width) of ids (B, T)."""

    def logits(self, hidden: Tensor, ids: Tensor | None = None) -> Tensor:
        """Logits (..., vocabulary) of hidden states (..., width); of some token ids (V,) alone where they are given."""

    def __call__(
        self, embeddings: Tensor, position_ids: Tensor, bias: Tensor, cache: SlotCache | None = None
    ) -> Tensor:
        """Hidden states (B, T, width) with an additive bias (B, 1, T, S + T), S slots of the cache or 0."""

    def at_rows(self, embeddings: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
        """Hidden states (B, R, width) of some rows (B, R) of a whole sequence."""

    def states(
        self,
        embeddings: Tensor,
        position_ids: Tensor,
        bias: Tensor,
        layers: Sequence[int],
        cache: SlotCache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `__call__`, and the states (n, B, T, width) behind n layers, 0 the first, -1 the last (behind the final
        norm, so the hidden states themselves). Only an action expert needs it.
        """


class Qwen2Backbone(nn.Module):
    """A Qwen2 decoder with tied embeddings. Masks are always given, so no causal mask is ever assumed."""

    def __init__(self, config: BackboneConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        given = {"rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta}}
        settings = Qwen2Config(
            vocab_size=config.rows or vocabulary,
            hidden_size=config.width,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            use_cache=False,
            attn_implementation="sdpa",
            **(given if config.rope_theta else {}),
        )
        self.model = Qwen2Model(settings)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Token embeddings (B, T, width)."""
        return self.model.embed_tokens(token_ids)

    def logits(self, hidden: Tensor, ids: Tensor | None = None) -> Tensor:
        """Logits by the tied embeddings; see Backbone."""
        table = self.model.embed_tokens.weight
        return nn.functional.linear(hidden, table if ids is None else table[ids])

    def forward(self, embeddings: Tensor, position_ids: Tensor, bias: Tensor, cache: SlotCache | None = None) -> Tensor:
        """Hidden states (B, T, width); `bias` is additive, (B, 1, T, T) or (B, 1, T, S + T) with a cache of S slots."""
        return self.model(
            inputs_embeds=embeddings,
            position_ids=position_ids,
            attention_mask={"full_attention": bias},
            past_key_values=cache,
            use_cache=False,
        ).last_hidden_state

    def states(
        self,
        embeddings: Tensor,
        position_ids: Tensor,
        bias: Tensor,
        layers: Sequence[int],
        cache: SlotCache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, width), and those behind some layers, (n, B, T, width); see Backbone."""
        places = self.model.rotary_emb(embeddings, position_ids)
        hidden, found = embeddings, []
        for layer in self.model.layers:
            hidden = layer(
                hidden,
                attention_mask=bias,
                position_ids=position_ids,
                past_key_values=cache,
                position_embeddings=places,
            )
            found.append(hidden)
        found[-1] = self.model.norm(hidden)
        return found[-1], torch.stack([found[layer] for layer in layers])

    def at_rows(self, embeddings: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
        """Hidden states (B, R, width) of `rows` (B, R) only, without a cache and with positions from 0.

        The same numbers as `forward`, but the last layer is computed for the wanted rows alone: a fifth of the
        arithmetic saved.
        """
        size, length = embeddings.shape[:2]
        positions = torch.arange(length, device=embeddings.device).expand(size, length)
        cosine, sine = self.model.rotary_emb(embeddings, positions)
        hidden = embeddings
        for layer in self.model.layers[:-1]:
            hidden = layer(hidden, attention_mask=bias, position_ids=positions, position_embeddings=(cosine, sine))
        last = self.model.layers[-1]
        normed, kept = last.input_layernorm(hidden), gather_rows(hidden, rows)
        queries, keys, values = (
            project(x).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
            for project, x in (
                (last.self_attn.q_proj, gather_rows(normed, rows)),
                (last.self_attn.k_proj, normed),
                (last.self_attn.v_proj, normed),
            )
        )
        _, keys = apply_rotary_pos_emb(keys, keys, cosine, sine)
        queries, _ = apply_rotary_pos_emb(queries, queries, gather_rows(cosine, rows), gather_rows(sine, rows))
        mask = bias.gather(2, rows[:, None, :, None].expand(-1, -1, -1, length))
        groups = self.config.heads // self.config.kv_heads
        keys, values = keys.repeat_interleave(groups, dim=1), values.repeat_interleave(groups, dim=1)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=last.self_attn.scaling)
        kept = kept + last.self_attn.o_proj(seen.transpose(1, 2).flatten(2))
        return self.model.norm(kept + last.mlp(last.post_attention_layernorm(kept)))


BACKBONES: dict[str, Callable[[BackboneConfig, int], Any]] = {"qwen2": Qwen2Backbone, "causal_lm": CausalLMBackbone}


def make_backbone(config: BackboneConfig, vocabulary: int) -> Any:
    """The backbone of a configuration, a module of protocol Backbone, for a tokenizer of `vocabulary` tokens.

    Raises ValueError on an unknown kind and on more tokens than embedding rows.
    """
    if config.kind not in BACKBONES:
        raise ValueError(f"backbone: expected one of {', '.join(BACKBONES)}, found {config.kind!r}")
    if config.rows and vocabulary > config.rows:
        raise ValueError(
            f"backbone: expected a tokenizer of at most {config.rows} tokens, found {vocabulary}; use the tokenizer "
            "that belongs to the checkpoint"
        )
    return BACKBONES[config.kind](config, vocabulary)


def gather_rows(values: Tensor, rows: Tensor) -> Tensor:
    """values (B, T, D) at rows (B, R): (B, R, D)."""
    return values.gather(1, rows.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
