"""The language model: Hugging Face's Qwen2 classes, small and from scratch, with a static key/value cache for the
robot.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class Qwen2Backbone(nn.Module):
    """A Qwen2 decoder with tied embeddings. Masks are always given, so no causal mask is ever assumed."""

    def __init__(self, config: BackboneConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        settings = Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=config.width,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            use_cache=False,
            attn_implementation="sdpa",
        )
        self.model = Qwen2Model(settings)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Token embeddings (B, T, width)."""
        return self.model.embed_tokens(token_ids)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., vocabulary) of hidden states (..., width), by the tied embeddings."""
        return nn.functional.linear(hidden, self.model.embed_tokens.weight)

    def forward(self, embeddings: Tensor, position_ids: Tensor, bias: Tensor, cache: SlotCache | None = None) -> Tensor:
        """Hidden states (B, T, width); `bias` is additive, (B, 1, T, T) or (B, 1, T, S + T) with a cache of S slots."""
        return self.model(
            inputs_embeds=embeddings,
            position_ids=position_ids,
            attention_mask={"full_attention": bias},
            past_key_values=cache,
            use_cache=False,
        ).last_hidden_state

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


def gather_rows(values: Tensor, rows: Tensor) -> Tensor:
    """values (B, T, D) at rows (B, R): (B, R, D)."""
    return values.gather(1, rows.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
