"""Any decoder of transformers as the language model, by the name of its architecture ("llama", "qwen3", "mistral").

It is made from its configuration, with random weights that a checkpoint then fills; nothing is downloaded. The faster
ways of the Qwen2 backbone (a last layer for some rows alone) are its own: here whole sequences are computed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inspire_training.model.libraries import create_decoder
from inspire_training.model.presets import BackboneConfig


class CausalLMBackbone(nn.Module):
    """See `inspire_training.model.backbone.Backbone`. Masks and positions are always given.

    Raises ValueError for an architecture that transformers does not have, or that is not told by hidden_size and so on.
    """

    def __init__(self, config: BackboneConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        try:
            self.model = create_decoder(
                config.architecture,
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
                **config.options,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(
                f"backbone: expected the architecture of a causal language model of transformers, found "
                f"{config.architecture!r}: {error}"
            ) from error

    def embed(self, token_ids: Tensor) -> Tensor:
        """Token embeddings (B, T, width)."""
        return self.model.get_input_embeddings()(token_ids)

    def logits(self, hidden: Tensor, ids: Tensor | None = None) -> Tensor:
        """Logits by the tied embeddings; see Backbone."""
        table = self.model.get_input_embeddings().weight
        return nn.functional.linear(hidden, table if ids is None else table[ids])

    def forward(self, embeddings: Tensor, position_ids: Tensor, bias: Tensor, cache: object = None) -> Tensor:
        """Hidden states (B, T, width); see Backbone."""
        return self._run(embeddings, position_ids, bias, cache).last_hidden_state

    def states(
        self,
        embeddings: Tensor,
        position_ids: Tensor,
        bias: Tensor,
        layers: Sequence[int],
        cache: object = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states and those of some layers; see Backbone. Raises ValueError where the model gives none."""
        last = self.config.layers - 1
        if all(layer in (-1, last) for layer in layers):
            hidden = self.forward(embeddings, position_ids, bias, cache)
            return hidden, hidden.expand(len(layers), *hidden.shape)
        out = self._run(embeddings, position_ids, bias, cache, output_hidden_states=True)
        if out.hidden_states is None or len(out.hidden_states) != self.config.layers + 1:
            raise ValueError(
                f"backbone {self.config.architecture}: expected the hidden states of {self.config.layers} layers, "
                f"found {len(out.hidden_states or ()) - 1}; read its last layer alone (--dit.language-layers -1)"
            )
        found = [*out.hidden_states[1:-1], out.last_hidden_state]
        return found[-1], torch.stack([found[layer] for layer in layers])

    def at_rows(self, embeddings: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
        """Hidden states (B, R, width) of `rows` (B, R), with positions from 0."""
        positions = torch.arange(embeddings.shape[1], device=embeddings.device).expand(embeddings.shape[:2])
        hidden = self.forward(embeddings, positions, bias)
        return hidden.gather(1, rows.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))

    def _run(self, embeddings: Tensor, position_ids: Tensor, bias: Tensor, cache: object, **options: object):  # type: ignore[no-untyped-def]
        return self.model(
            inputs_embeds=embeddings,
            position_ids=position_ids,
            attention_mask=bias,
            past_key_values=cache,
            use_cache=False,
            **options,
        )
