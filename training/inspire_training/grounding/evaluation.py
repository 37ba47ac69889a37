"""`inspire grounding-eval`: a model's answers about records, beside the trivial baselines, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from inspire_training.checkpoint import find_checkpoint, load_checkpoint
from inspire_training.grounding.answering import PolicyResponder, Responder
from inspire_training.grounding.examples import Mixture
from inspire_training.grounding.metrics import Baseline, baseline_of, score
from inspire_training.grounding.pictures import draw_sheet
from inspire_training.grounding.prompt import TASKS, TaskName
from inspire_training.grounding.sampler import GroundingSampler
from inspire_training.grounding.settings import GroundingEvalSettings, SourceSettings
from inspire_training.grounding.sources import open_sources, source_weights

LABELS = {
    "parse_rate": ("parsed", "{:.1%}"),
    "iou": ("mean IoU", "{:.3f}"),
    "iou_50": ("IoU >= 0.5", "{:.1%}"),
    "in_mask": ("point in mask", "{:.1%}"),
    "distance": ("distance, % of width", "{:.1%}"),
    "ade": ("ADE, % of width", "{:.1%}"),
    "frechet": ("Frechet, % of width", "{:.1%}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "macro_f1": ("macro F1", "{:.3f}"),
}


def grounding_eval(settings: GroundingEvalSettings) -> dict[str, Any]:
    """Print the table, write the JSON file if asked for, and return what it holds.

    Raises ValueError when the data has none of the tasks.
    """
    torch.set_num_threads(settings.threads)
    unknown = set(settings.tasks) - set(TASKS)
    if unknown:
        raise ValueError(f"tasks: expected some of {', '.join(TASKS)}, found {', '.join(sorted(unknown))}")
    folder = find_checkpoint(settings.checkpoint)
    sources = open_sources(settings, _cameras(folder), held_out=0)
    asked = [task for task in TASKS if not settings.tasks or task in settings.tasks]
    wanted = [task for task in asked if any(source.count(task, held_out=False) > 0 for source in sources)]
    if not wanted:
        raise ValueError(f"data: expected questions of {', '.join(asked)}, found none")
    mixture = Mixture(sources, source_weights(settings), dict.fromkeys(wanted, 1.0))
    training, responder = _responder(folder, settings, mixture)
    baseline = _baseline(settings, training, mixture.tasks)
    results: dict[str, Any] = {}
    for task in mixture.tasks:
        limit = settings.examples or 10**9
        examples = mixture.validation(task, limit, held_out=False)
        replies = []
        for start in range(0, len(examples), settings.batch):
            replies += responder.reply(examples[start : start + settings.batch])
        results[task] = {"model": score(examples, replies), "baseline": score(examples, baseline.reply(examples))}
        if settings.pictures is not None:
            draw_sheet(settings.pictures / f"{task}.png", examples, replies)
        results[task]["unparsed"] = [reply.error for reply in replies if reply.error][:5]
    found = {"checkpoint": folder.name, "step": training.get("step"), "data": [p.name for p in settings.data]}
    found |= {"refine": settings.refine, "tasks": results}
    print(table(results))
    if settings.out is not None:
        settings.out.parent.mkdir(parents=True, exist_ok=True)
        settings.out.write_text(json.dumps(_plain(found), indent=1))
    return found


def table(results: dict[str, Any]) -> str:
    """A Markdown table: one line per task and number."""
    lines = ["| task | n | number | model | baseline |", "|---|---|---|---|---|"]
    for task, found in results.items():
        for name, (label, form) in LABELS.items():
            if name in found["model"]:
                model, baseline = (_cell(form, found[who].get(name)) for who in ("model", "baseline"))
                lines.append(f"| {task} | {found['model']['n']} | {label} | {model} | {baseline} |")
    return "\n".join(lines)


def _cell(form: str, value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else form.format(value)


def _plain(value: Any) -> Any:
    """What JSON can say: numbers that there are none of become null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _cameras(folder: Path) -> tuple[str, ...]:
    """Whose images a model was asked about: all of a policy that also acts, the first one in stage 1."""
    facts = json.loads((folder / "checkpoint.json").read_text())
    if "config" not in facts or facts["training"].get("stage") == "grounding":
        return ("agentview",)
    return tuple(camera["name"] for camera in facts["config"]["cameras"])


def _baseline(settings: GroundingEvalSettings, training: dict[str, Any], tasks: Sequence[TaskName]) -> Baseline:
    """Of the records asked for, else what the checkpoint was trained on."""
    if not settings.baseline:
        return Baseline(training.get("baseline", {}))
    chosen = SourceSettings(data=settings.baseline, images=settings.images, coordinates=settings.coordinates)
    sources = open_sources(chosen, ("agentview",), held_out=0)
    return baseline_of(Mixture(sources, source_weights(chosen), dict.fromkeys(tasks, 1.0)))


def _responder(folder: Path, settings: GroundingEvalSettings, mixture: Mixture) -> tuple[dict[str, Any], Responder]:
    """A checkpoint's training facts, and who answers."""
    if (folder / "config.json").is_file():  # a model of transformers
        from inspire_training.grounding.chat_learner import load_chat

        return json.loads((folder / "checkpoint.json").read_text())["training"], load_chat(folder)
    checkpoint = load_checkpoint(folder)
    sampler = GroundingSampler(mixture, checkpoint.config, checkpoint.style(), checkpoint.tokenizer)
    responder = PolicyResponder(checkpoint.model, sampler, checkpoint.tokenizer, refine=settings.refine)
    return dict(checkpoint.training), responder
