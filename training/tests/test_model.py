"""The policy's parts: what sees what, and that a small batch can be learned by heart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from inspire_policy.directions import REP103, is_tie
from inspire_training.batch import TrainingBatch
from inspire_training.checkpoint import Checkpoint
from inspire_training.data.augmentation import Augmentation
from inspire_training.data.frames import open_frames
from inspire_training.data.sampler import FrameSampler
from inspire_training.losses import LossWeights, loss_parts
from inspire_training.model.presets import PRESETS
from inspire_training.settings import TrainSettings
from inspire_training.start import starting_point

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth

PLAIN = Augmentation(random_answers=0.0, colour=0.0, unknown_words=0.0)


def make(recording: Path, **options: object) -> tuple[Checkpoint, FrameSampler]:
    torch.manual_seed(0)
    settings = TrainSettings(data=(recording,), out=recording.parent / "unused", **options)
    config = PRESETS["tabletop"]
    stores = [open_frames(recording, config.cameras, config.chunk_length)]
    start = starting_point(settings, stores)
    sampler = FrameSampler(stores, [1.0], start.config, start.style(), start.codec(), start.tokenizer, start.words)
    return start, sampler


def hidden_of(start: Checkpoint, batch: TrainingBatch) -> torch.Tensor:
    model = start.model.eval()
    seen = model.perceive(batch.images, batch.proprioception, batch.instruction_ids)
    embeddings = torch.cat([seen, model.backbone.embed(batch.token_ids[:, seen.shape[1] :])], dim=1)
    positions = torch.arange(embeddings.shape[1]).expand(len(batch), -1)
    return model.backbone(embeddings, positions, batch.attention_bias)


def test_nothing_leaks_from_the_future_and_the_prefix_sees_both_ways(recording: Path) -> None:
    start, sampler = make(recording)
    batch = sampler.batch(1, PLAIN, 0)
    with torch.no_grad():
        before = hidden_of(start, batch)
        row = int(batch.answer_rows[0, 1])
        changed = batch.token_ids.clone()
        changed[0, row] = sampler.answer_ids[0] if changed[0, row] != sampler.answer_ids[0] else sampler.answer_ids[1]
        after = hidden_of(start, dataclasses.replace(batch, token_ids=changed))
        assert torch.equal(before[0, :row], after[0, :row])
        assert not torch.allclose(before[0, row + 1], after[0, row + 1])
        first_word = start.config.perception_tokens + 1
        changed = batch.token_ids.clone()
        changed[0, first_word] = 1
        after = hidden_of(start, dataclasses.replace(batch, token_ids=changed))
        assert not torch.allclose(before[0, 0], after[0, 0])


@pytest.mark.parametrize("options", [{}, {"questions": "none"}, {"codec": "bins"}])
def test_training_rows_are_the_full_passs_rows(recording: Path, options: dict[str, str]) -> None:
    start, sampler = make(recording, **options)
    batch = sampler.batch(3, PLAIN, 1)
    with torch.no_grad():
        full = hidden_of(start, batch)
        outputs = start.model.eval()(batch)
        if outputs.raw_chunk is not None:
            rows = full.gather(1, batch.query_rows.unsqueeze(-1).expand(-1, -1, full.shape[-1]))
            torch.testing.assert_close(outputs.raw_chunk, start.model.head.raw(rows), atol=1e-5, rtol=1e-4)
        else:
            rows = full.gather(1, (batch.code_rows - 1).unsqueeze(-1).expand(-1, -1, full.shape[-1]))
            torch.testing.assert_close(outputs.code_logits, start.model.backbone.logits(rows), atol=1e-5, rtol=1e-4)


def test_a_small_batch_is_learned_by_heart(recording: Path) -> None:
    start, sampler = make(recording)
    batch = sampler.batch(8, PLAIN, 2)
    model = start.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(120):
        parts = loss_parts(model(batch), batch, LossWeights(), start.config.offset_scale)
        loss = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append({name: value.item() for name, value in parts.items()})
    for name in ("motion", "answers", "offsets"):
        assert losses[-1][name] < 0.35 * losses[0][name], (name, losses[0], losses[-1])


def test_random_answers_are_fed_but_never_wanted(recording: Path) -> None:
    _, sampler = make(recording)
    right = sampler.batch(64, PLAIN, 3)
    noisy = sampler.batch(64, dataclasses.replace(PLAIN, random_answers=1.0), 3)
    assert torch.equal(right.answer_ids, noisy.answer_ids)
    fed = noisy.token_ids.gather(1, noisy.answer_rows)
    assert (right.token_ids.gather(1, right.answer_rows) == right.answer_ids).all()
    assert 0.05 < (fed == noisy.answer_ids).float().mean() < 0.3


def test_rare_answers_weigh_more_unless_they_are_ties_and_validation_stays_plain(recording: Path) -> None:
    _, sampler = make(recording)
    batch = sampler.batch(256, dataclasses.replace(PLAIN, balance=1.0), 4)
    weights = batch.answer_mask
    tied = torch.from_numpy(np.vectorize(is_tie, signature="(n)->()")(batch.offsets.numpy()))
    tied &= batch.answer_ids != sampler.answer_ids[REP103.words.index("grasped")]
    mass = {int(i): weights[batch.answer_ids == i].sum().item() for i in batch.answer_ids.unique()}
    clear = {int(i): weights[(batch.answer_ids == i) & ~tied].unique().tolist() for i in batch.answer_ids.unique()}
    assert len(clear) > 3 and all(len(found) <= 1 for found in clear.values()), "one weight per answer"
    assert tied.any() and weights[tied].max() <= 1.0 < weights.max()
    plain = sampler.batch(256, PLAIN, 4)
    count = {i: plain.answer_mask[plain.answer_ids == i].sum().item() for i in mass}
    assert max(mass.values()) / min(mass.values()) < 0.5 * max(count.values()) / min(count.values())
    assert all(set(part.answer_mask.unique().tolist()) <= {0, 1} for part in sampler.validation(8, 16))


def test_answers_of_the_control_follow_the_name_alone(recording: Path) -> None:
    start, _ = make(recording)
    stores = [open_frames(recording, start.config.cameras, start.config.chunk_length)]
    sampler = FrameSampler(
        stores, [1.0], start.config, start.style(), start.codec(), start.tokenizer, start.words, answers="name"
    )
    batch = sampler.batch(64, PLAIN, 5)
    told = {}
    for instruction, answers in zip(batch.instruction_ids.tolist(), batch.answer_ids.tolist()):
        assert told.setdefault(tuple(instruction), answers) == answers
    assert len({tuple(answers) for answers in told.values()}) == 2, "milk and can, whatever the sentence"


def test_settings_that_do_not_go_together_are_refused(recording: Path) -> None:
    with pytest.raises(ValueError, match="counterfactual"):
        make(recording, answers="name", counterfactual=0.2)
    with pytest.raises(ValueError, match="expected --codec-file"):
        make(recording, codec="residual_vq")
    with pytest.raises(FileNotFoundError, match="inspire train"):
        make(recording, init=recording.parent)
