"""Where a training run starts from: fresh weights with a tokenizer made for the data, or the weights of an earlier
run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from inspire_policy.codecs.registry import make_codec
from inspire_policy.directions import REP103, question
from inspire_policy.tokens import build_tokenizer
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.data.frames import FrameStore
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PRESETS
from inspire_training.settings import TrainSettings


def starting_point(settings: TrainSettings, stores: Sequence[FrameStore]) -> Checkpoint:
    """The state before the first step. Raises ValueError when `--init` and the other settings do not go together."""
    if settings.answers == "name" and settings.counterfactual:
        raise ValueError("counterfactual: expected 0 with answers name, which point nowhere; found more")
    if settings.init is not None:
        start = load_checkpoint(settings.init)
        wanted = (settings.preset, settings.codec, settings.questions == "inspire")
        found = (start.config.preset, start.config.codec, start.config.questions)
        if wanted != found:
            raise ValueError(
                f"init: expected (preset, codec, questions) {wanted}, found {found} in {settings.init}; name "
                f"the matching settings"
            )
        return start
    if settings.preset not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, found {settings.preset!r}")
    config = dataclasses.replace(
        PRESETS[settings.preset], codec=settings.codec, questions=settings.questions == "inspire"
    )
    arrays: dict[str, np.ndarray] = {}
    if settings.codec == "residual_vq":
        if settings.codec_file is None:
            raise ValueError("codec: expected --codec-file for residual_vq, found none; run `inspire codec` first")
        with np.load(settings.codec_file) as file:
            arrays = {name: file[name] for name in file.files}
    codec = make_codec(config.codec, config.chunk_length, {"bins": config.bins}, arrays)
    pairs = sorted({pair for store in stores for pair in store.pairs})
    objects = tuple(sorted({name for _, names in pairs for name in names}))
    texts = [instruction for instruction, _ in pairs] + [question(name) for name in objects]
    tokenizer = build_tokenizer(texts, REP103.words, codec.queries, codec.code_values)
    model = InspirePolicy(config, tokenizer.get_vocab_size())
    felt = np.concatenate([store.proprioception for store in stores])
    model.set_proprioception_statistics(felt.mean(0).tolist(), felt.std(0).tolist())
    return Checkpoint(
        model=model,
        config=config,
        tokenizer=tokenizer,
        words=REP103,
        codec_arrays=arrays,
        known_objects=objects,
        training={},
    )
