"""`inspire import`: a published run folder becomes a checkpoint of ours, complete or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import init_empty_weights

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.question_modes import check_mode
from inspire_training.checkpoint import Checkpoint, policy_of, write_checkpoint
from inspire_training.model.policy import InspirePolicy
from inspire_training.published.architectures import configuration, is_vq
from inspire_training.published.layout import policy_state
from inspire_training.published.run_folder import PublishedRun, action_statistics, read_run, read_weights
from inspire_training.published.settings import LIBERO_OBJECTS, ImportSettings
from inspire_training.published.tokenizer import read_tokenizer
from inspire_training.published.vq import read_vq
from inspire_training.published.words import words_of

PUBLISHED = "published"  # in a checkpoint's training facts: what its run folder said


def import_checkpoint(settings: ImportSettings) -> Checkpoint:
    """Import and write `settings.out`. Raises FileNotFoundError or ValueError with nothing written."""
    settings = _located(settings)
    assert settings.checkpoint_dir is not None
    run = read_run(settings.checkpoint_dir)
    checkpoint = read_published(run, settings)
    write_checkpoint(settings.out, checkpoint)
    config = checkpoint.config
    print(
        f"{settings.out}: {sum(p.numel() for p in checkpoint.model.parameters()) / 1e6:.1f} M parameters of "
        f"{config.preset}, {config.codec} codes, actions of {checkpoint.training[PUBLISHED]['dataset']}, answers "
        f"{', '.join(checkpoint.words.words)}"
    )
    return checkpoint


def read_published(run: PublishedRun, settings: ImportSettings) -> Checkpoint:
    """The checkpoint of a run folder. The cheap checks come first: weights are read last."""
    dataset, arrays = action_statistics(run, settings.dataset)
    chunk_length = 1
    vq_config: dict[str, Any] = {}
    if is_vq(str(run.vla.get("action_tokenizer", ""))):
        if settings.vq is None:
            raise ValueError(
                f"VQ: expected --vq FOLDER for the action tokenizer {run.vla['action_tokenizer']}, found none; give "
                "the folder with its config.json and checkpoints/model.pt"
            )
        chunk_length, vq_arrays, vq_config = read_vq(settings.vq)
        arrays = arrays | vq_arrays
    config = configuration(
        run.vla, preset=settings.preset, chunk_length=chunk_length, questions=settings.questions == "inspire"
    )
    said = run.config.get("inspire", {})
    config = dataclasses.replace(
        config, question_mode=settings.question_mode or str(said.get("question_mode", "direction"))
    )
    check_mode(config.question_mode)
    words = words_of(settings.words, run.config)
    tokenizer = read_tokenizer(settings.tokenizer or run.folder / "tokenizer.json", config.backbone.rows)
    with init_empty_weights():
        expected = InspirePolicy(config, tokenizer.get_vocab_size()).state_dict()
    model = policy_of(config, tokenizer.get_vocab_size(), policy_state(read_weights(run), expected)).eval()
    checkpoint = Checkpoint(
        model=model,
        config=config,
        tokenizer=tokenizer,
        words=words,
        codec_arrays=arrays,
        known_objects=tuple(settings.objects or said.get("known_objects", ()) or LIBERO_OBJECTS),
        step=run.step,
        training={PUBLISHED: _origin(run, dataset, vq_config)},
    )
    _check_codes(checkpoint)
    return checkpoint


def _check_codes(checkpoint: Checkpoint) -> None:
    """Raises ValueError where words or codes are no tokens, or the VQ has more codes than there are extra tokens."""
    style, codec = checkpoint.style(), checkpoint.codec()
    style.code_ids(codec.code_values)
    if checkpoint.config.questions:
        ids = [style.answer_id(word) for word in checkpoint.words.words]
        if len(set(ids)) < len(ids):
            raise ValueError(f"answer words: expected different tokens, found {dict(zip(checkpoint.words.words, ids))}")
        AnswerVocabulary(style, checkpoint.words)
    middle = codec.decode(np.zeros(codec.codes, dtype=np.int64))
    if not np.isfinite(middle).all():
        raise ValueError("action codec: expected finite actions, found NaN or infinity; the VQ folder is damaged")


def _origin(run: PublishedRun, dataset: str, vq_config: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "weights": run.weights.name,
        "config": dict(run.config),
        "statistics": dict(run.statistics),
        "vq_config": vq_config,
    }


def _located(settings: ImportSettings) -> ImportSettings:
    """Settings whose folders are here: downloaded where a repository is named."""
    if settings.from_hub:
        from inspire_training.published.hub import downloaded

        return downloaded(settings)
    if settings.checkpoint_dir is None:
        raise ValueError("import: expected CHECKPOINT_DIR or --from-hub NAME, found neither")
    if not Path(settings.checkpoint_dir).is_dir():
        raise FileNotFoundError(f"import: expected a run folder at {settings.checkpoint_dir}, found none")
    return settings
