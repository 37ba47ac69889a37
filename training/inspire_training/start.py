"""Where a training run starts from: fresh weights with a tokenizer made for the data, or the weights of an earlier
run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.codecs.registry import make_codec
from inspire_policy.directions import REP103, asked_name
from inspire_policy.question_modes import answer_texts, question_text
from inspire_policy.tokens import build_tokenizer
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.codecs.exchange import with_fast
from inspire_training.codecs.fast import fit_fast
from inspire_training.codecs.files import read_arrays
from inspire_training.data.frames import FrameStore
from inspire_training.expert.cotraining import Cotraining
from inspire_training.expert.grafting import continued, grafted, with_template
from inspire_training.grounding.prompt import spatial_prompt
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PRESETS, PolicyConfig
from inspire_training.published.sentences import in_sentences
from inspire_training.settings import TrainSettings


def config_of(settings: TrainSettings) -> PolicyConfig:
    """The configuration of a run from fresh weights. Raises ValueError on settings that do not go together."""
    if settings.preset not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, found {settings.preset!r}")
    config = dataclasses.replace(
        PRESETS[settings.preset],
        codec=settings.codec,
        questions=settings.questions == "inspire",
        question_mode=settings.question_mode,
    )
    if settings.question_mode != "direction":
        for name, given in (
            ("expert", settings.expert != "none"),
            ("answers", settings.answers != "direction"),
            ("counterfactual", settings.counterfactual > 0),
            ("balance", settings.balance > 0),
        ):
            if given:
                raise ValueError(
                    f"question mode {settings.question_mode}: expected no --{name}, which needs directions"
                )
    if settings.expert == "none":
        return config
    if settings.codec != "continuous":
        raise ValueError(f"codec: expected none beside --expert dit, which samples numbers; found {settings.codec}")
    if settings.counterfactual and not settings.dit.answers:
        raise ValueError("counterfactual: expected 0 with an expert that reads no answers (dit.answers 0); found more")
    return dataclasses.replace(config, codec="sampled", expert=settings.dit, chunk_length=settings.dit.chunk_length)


def starting_point(
    settings: TrainSettings, stores: Sequence[FrameStore], questions: Cotraining | None = None
) -> Checkpoint:
    """The state before the first step. Raises ValueError when `--init` and the other settings do not go together.

    questions: learned beside the actions, whose words a fresh tokenizer has to know.
    """
    if settings.answers == "name" and settings.counterfactual:
        raise ValueError("counterfactual: expected 0 with answers name, which point nowhere; found more")
    if settings.init is not None:
        start, config = load_checkpoint(settings.init), config_of(settings)
        if config.expert is not None and start.config.question_mode != "direction":
            raise ValueError(
                f"init: expected a checkpoint asked for directions beside an expert, found question mode "
                f"{start.config.question_mode}"
            )
        if config.expert is not None and start.config.expert is None:
            return grafted(start, config, _chunks(stores), settings.seed)
        start = _in_mode(start, config.question_mode)
        if config.codec == "fast" and start.config.codec != "fast" and config.preset == start.config.preset:
            start = with_fast(start, _fast_arrays(settings, stores))
        if settings.style == "pi0_fast" and start.config.style != "pi0_fast":
            start = in_sentences(start, np.concatenate([store.proprioception for store in stores]))
        wanted = (config.preset, config.codec, config.questions)
        found = (start.config.preset, start.config.codec, start.config.questions)
        if wanted != found:
            raise ValueError(
                f"init: expected (preset, codec, questions) {wanted}, found {found} in {settings.init}; name "
                f"the matching settings"
            )
        return start if config.expert is None else continued(start, config)
    if settings.style:
        raise ValueError(f"style {settings.style}: expected --init with a checkpoint to take over to it, found none")
    config = config_of(settings)
    arrays: dict[str, np.ndarray] = {}
    if settings.codec == "residual_vq":
        if settings.codec_file is None:
            raise ValueError("codec: expected --codec-file for residual_vq, found none; run `inspire codec` first")
        arrays = read_arrays(settings.codec_file)
    elif settings.codec == "fast":
        arrays = _fast_arrays(settings, stores)
    elif settings.codec == "edge_bins":
        raise ValueError("codec: expected --init with edge_bins, whose statistics a checkpoint holds, found none")
    codec = make_codec(config.codec, config.chunk_length, {"bins": config.bins}, arrays)
    pairs = sorted({pair for store in stores for pair in store.pairs})
    objects = tuple(sorted({name for _, names in pairs for name in names}))
    texts = [instruction for instruction, _ in pairs] + [
        question_text(config.question_mode, asked_name(name)) for name in objects
    ]
    texts.append(" ".join(sorted(set(answer_texts(config.question_mode, REP103)))))
    if config.expert is not None:
        texts.append(spatial_prompt(""))
    if questions is None:
        tokenizer = build_tokenizer(texts, REP103.words, codec.queries, codec.code_values)
    elif codec.code_values:
        raise ValueError(f"grounding: expected a codec without codes beside grounding questions, found {config.codec}")
    else:
        told = [instruction for instruction, _ in pairs]
        tokenizer, objects = questions.tokenizer(told, objects, texts, queries=codec.queries)
    if config.expert is not None:
        config = with_template(config, tokenizer, settings.seed)
    model = InspirePolicy(config, tokenizer.get_vocab_size())
    if questions is not None:
        questions.order_locations(model, tokenizer)
    felt = np.concatenate([store.proprioception for store in stores])
    model.set_proprioception_statistics(felt.mean(0).tolist(), felt.std(0).tolist())
    if model.expert is not None:
        rows = _chunks(stores)
        model.expert.set_statistics(rows.mean(0).tolist(), rows.std(0).tolist())
    return Checkpoint(
        model=model,
        config=config,
        tokenizer=tokenizer,
        words=REP103,
        codec_arrays=arrays,
        known_objects=objects,
        training={},
    )


def _in_mode(start: Checkpoint, mode: str) -> Checkpoint:
    """The checkpoint asking in a question mode. Raises ValueError when its tokenizer cannot say the answers."""
    if mode == start.config.question_mode:
        return start
    start = dataclasses.replace(start, config=dataclasses.replace(start.config, question_mode=mode))
    start.model.config = start.config
    AnswerVocabulary(start.style(), start.words)
    return start


def _fast_arrays(settings: TrainSettings, stores: Sequence[FrameStore]) -> dict[str, np.ndarray]:
    """Those of `codec_file`, or of a FAST tokenizer fitted to every chunk of the data."""
    if settings.codec_file is not None:
        return read_arrays(settings.codec_file)
    chunks = np.concatenate([store.chunks for store in stores])
    codec, arrays = fit_fast(chunks, codes=settings.fast_codes, scale=settings.fast_scale)
    print(f"FAST: {codec.code_values} codes, at most {codec.codes} of them for a chunk")
    return arrays


def _chunks(stores: Sequence[FrameStore]) -> np.ndarray:
    """All rows (n, 7) of all chunks."""
    return np.concatenate([store.chunks.reshape(-1, store.chunks.shape[-1]) for store in stores])
