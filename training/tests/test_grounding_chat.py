"""Stage 1 of a vision-language model of transformers: a tiny Qwen2.5-VL with random weights, on disk as a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from grounding_records import make_frame
from tokenizers import AddedToken

from inspire_policy.sequence import IGNORED
from inspire_training.grounding.chat import ChatCollator, ChatParts, ChatResponder
from inspire_training.grounding.evaluation import grounding_eval
from inspire_training.grounding.examples import RecordSource
from inspire_training.grounding.sampler import STILL
from inspire_training.grounding.settings import GroundingEvalSettings, GroundingTrainSettings
from inspire_training.grounding.store import open_store, write_frames
from inspire_training.grounding.training import train_grounding
from inspire_training.published.random_weights import small_tokenizer

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grounding") / "part-000000.hdf5"
    write_frames(path, [make_frame(seed) for seed in range(40)])
    return path


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2VLImageProcessor,
    )

    import inspire_training.model.libraries  # noqa: F401 - makes torchvision importable

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("backbone")
    words = small_tokenizer()
    vision = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in vision])
    ids = {name: words.token_to_id(name) for name in (*vision, "<|im_end|>", "<|endoftext|>")}
    text = {
        "vocab_size": words.get_vocab_size(), "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6},
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
    }  # fmt: skip
    sight = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
        "fullatt_block_indexes": [1], "window_size": 56, "patch_size": 14, "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=sight, image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    ChatParts(
        Qwen2_5_VLForConditionalGeneration(config),
        Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=112 * 112),
        PreTrainedTokenizerFast(tokenizer_object=words),
    ).save(folder)
    return folder


def test_answers_in_pixels_of_the_resized_image_and_nothing_else_is_trained(backbone: Path, shard: Path) -> None:
    parts = ChatParts.load(backbone)
    source = RecordSource(open_store([shard]), "drawn")
    example = source.example("box", 0, held_out=False)
    batch = ChatCollator(parts).batch([example], STILL, np.random.default_rng(0))
    trained = batch.labels[0][batch.labels[0] != IGNORED]
    text = parts.tokenizer.decode(trained)
    right = batch.codecs[0].encode(example.answer.values * 112 / 128).ravel().tolist()
    assert text == f"[{right}]<|im_end|>" and batch.codecs[0].size == (112, 112)
    assert int((batch.inputs["input_ids"] == parts.tokenizer.convert_tokens_to_ids("<|image_pad|>")).sum()) == 16
    prompt = parts.tokenizer.decode(batch.inputs["input_ids"][0, : batch.starts[0]])
    assert prompt.endswith("[x1,y1,x2,y2] format.<|im_end|>\n<|im_start|>assistant\n")


def test_a_vision_language_model_learns_a_few_answers_by_heart(backbone: Path, shard: Path) -> None:
    torch.manual_seed(0)
    parts = ChatParts.load(backbone)
    source = RecordSource(open_store([shard]), "drawn")
    examples = [source.example("direction", n, held_out=False) for n in (0, 1)]
    batch = ChatCollator(parts).batch(examples, STILL, np.random.default_rng(0))
    parts.model.train()
    optimizer = torch.optim.AdamW(parts.model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = parts.model(**batch.inputs, labels=batch.labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    replies = ChatResponder(parts).reply(examples)
    assert [reply.text for reply in replies] == [example.answer.text for example in examples]


def test_stage_1_saves_what_transformers_reads_and_is_evaluated(backbone: Path, shard: Path, tmp_path: Path) -> None:
    settings = {
        "data": (shard,), "out": tmp_path / "run", "preset": "qwen2.5-vl", "backbone": backbone, "batch": 2,
        "mixture": "box=1", "validation_examples": 1, "rate": 1e-4,
    }  # fmt: skip
    train_grounding(GroundingTrainSettings(steps=1, **settings))  # type: ignore[arg-type]
    folder = train_grounding(GroundingTrainSettings(steps=2, resume=True, **settings))  # type: ignore[arg-type]
    assert folder.name == "step-0000002"
    found = grounding_eval(GroundingEvalSettings(data=(shard,), checkpoint=folder, tasks=("box",), examples=2))
    numbers = found["tasks"]["box"]
    # Random weights say nothing that could be read: counted, with the reasons.
    assert numbers["model"]["parse_rate"] == 0.0 and numbers["model"]["iou"] == 0.0 and numbers["unparsed"]


def test_a_folder_that_holds_no_model_is_a_clear_error(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    settings = GroundingTrainSettings(
        data=(shard,), out=tmp_path / "run", preset="qwen2.5-vl", backbone=tmp_path / "empty"
    )
    with pytest.raises(ValueError, match="expected a vision-language model with its image processor and tokenizer"):
        train_grounding(settings)
    with pytest.raises(ValueError, match="give --backbone"):
        train_grounding(GroundingTrainSettings(data=(shard,), out=tmp_path / "run", preset="qwen2.5-vl"))
