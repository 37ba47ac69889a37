"""InSpire's questions and answers in a language model that knows nothing of this project, in a few lines."""

import numpy as np
import torch

from inspire_policy.codecs.bins import BinsCodec
from inspire_policy.sequence import training_sequence
from inspire_policy.sequences.registry import make_style
from inspire_training.published.random_weights import WORDS, small_tokenizer
from inspire_training.published.tokenizer import with_extra_tokens
from inspire_training.questions import ask_and_act, batch_loss


def test_a_llama_learns_to_answer_and_to_act() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = with_extra_tokens(small_tokenizer())
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, attn_implementation="sdpa",
        )
    )  # fmt: skip
    style = make_style("minivla", tokenizer, perception_tokens=3, prefix_attention="causal")
    codec, task, objects = BinsCodec(1), "pick up the milk", ("milk", "basket")
    rng = np.random.default_rng(0)
    seen = torch.randn(4, 3, 64)  # what any vision gives: embeddings as wide as the language model
    chunks = rng.uniform(0, 1, (4, 1, 7))
    said = [tuple(rng.choice(WORDS, 2)) for _ in range(4)]
    sequences = [
        training_sequence(style, task, list(zip(objects, words)), codes=codec.encode(chunk), code_values=256)
        for words, chunk in zip(said, chunks)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = batch_loss(model, sequences, style.prefix_attention, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for index in range(4):
        answers, codes = ask_and_act(
            model.eval(), style, codec, WORDS, task, objects, perception=seen[index : index + 1]
        )
        assert answers == said[index]
        assert np.array_equal(codes, codec.encode(chunks[index]))
