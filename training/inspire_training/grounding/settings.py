"""What the grounding commands of `inspire` take. No torch here, so that the command line starts fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from inspire_training.settings import CollectSettings


@dataclass(frozen=True, kw_only=True)
class GroundingDataSettings(CollectSettings):
    """Record grounded images of the scripted expert's episodes, from the world's ground truth."""

    episodes: int = 400
    seed: int = 200_000
    every: int = 8
    """One record in so many steps."""
    wander: tuple[int, int] = (24, 12)
    glance: int = 0
    """Cut episodes short after so many steps: many scenes, few records each. 0: to the end."""
    held_out: bool = False
    """Seeds from 1,000,000 on, for evaluation; `seed` counts from there."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Which grounding examples are read."""

    data: tuple[Path, ...]
    """Files or folders of grounding records (*.hdf5), and LLaVA-style files (*.json, *.jsonl)."""
    weights: tuple[float, ...] = ()
    """How often a question of each entry of `data` is drawn, relative to the others; 1 each when empty."""
    images: Path = field(default_factory=Path)
    """Folder that the image paths of LLaVA-style files are relative to."""
    coordinates: Literal["pixels", "thousand", "unit"] = "pixels"
    """What their numbers are: pixels of the image file, thousandths, or shares of its sides."""


@dataclass(frozen=True, kw_only=True)
class GroundingTrainSettings(SourceSettings):
    """Stage 1 (`--stage grounding`): a language model learns to say boxes, points, traces, directions and plans.

    Next-token loss on answers only. Ends after `steps` steps or `minutes` minutes, whichever comes first.
    """

    out: Path
    """Folder of the run."""
    preset: Literal["tabletop-grounded", "qwen2.5-vl"] = "tabletop-grounded"
    """A small policy from scratch, which an action expert is then trained on, or a vision-language model of
    transformers (`backbone`)."""
    backbone: Path | None = None
    """Folder of the vision-language model and its processor, for qwen2.5-vl."""
    mixture: str = "box=0.29,point=0.27,trace=0.23,plan=0.13,direction=0.08"
    """Ratios of the tasks."""
    init: Path | None = None
    """Checkpoint or run of this preset to start the weights (and the tokenizer) from."""
    resume: bool = False
    """Continue the run in `out` where its last checkpoint stands."""
    steps: int = 1_000_000
    minutes: float = 0.0
    """Time limit of the run over all its resumptions; 0 for none."""
    batch: int = 32
    rate: float = 1e-3
    """Peak learning rate of AdamW; 1e-5 suits a pretrained backbone."""
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 200
    decay: float = 0.05
    average: float = 0.998
    """Decay of the running average of the weights, which is what is validated and kept; 0 for none."""
    window: float = 0.08
    """Largest random shift of the images and change of their size, as shares of it."""
    colour: float = 0.1
    spread: float = 1.0
    """Standard deviation of a location token's target over its neighbours, steps; 0 for the token alone."""
    seed: int = 0
    threads: int = 1
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision; bf16 is 1.5 times faster on CPUs with bf16 units (AMX), float32 on others."""
    checkpoint_seconds: float = 300.0
    validation_examples: int = 128
    """Of each task."""
    log_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class GroundingEvalSettings(SourceSettings):
    """Ask a model about records, held-out ones best, and print its numbers beside the trivial baselines."""

    checkpoint: Path
    """A checkpoint or a run of stage 1 (or of what was trained on from it)."""
    tasks: tuple[str, ...] = ()
    """Tasks to be asked; all that the data has when empty."""
    examples: int = 400
    """Of each task, evenly spread; 0 for all."""
    baseline: tuple[Path, ...] = ()
    """Records that the trivial baselines are made of; those that the checkpoint was trained on when empty."""
    batch: int = 32
    refine: bool = True
    """Read location tokens finer than their steps, as the mean of the model's distribution around the one it said."""
    out: Path | None = None
    """JSON file to write as well."""
    pictures: Path | None = None
    """Folder for a sheet of pictures of each task: right in white, said in colour, from the worst to the best."""
    threads: int = 1
