"""What `inspire import`, `inspire write-published` and the maker of random run folders take. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

# Things of the LIBERO suites that a bundle may be asked about, when neither the checkpoint nor the user names any.
LIBERO_OBJECTS = (
    *("alphabet soup", "basket", "bbq sauce", "black bowl", "book", "bottom drawer of the cabinet", "butter"),
    *(
        "chocolate pudding",
        "cream cheese",
        "frying pan",
        "ketchup",
        "microwave",
        "middle drawer of the cabinet",
        "milk",
    ),
    *("moka pot", "orange juice", "plate", "ramekin", "red mug", "salad dressing", "stove", "tomato sauce"),
    *(
        "top drawer of the cabinet",
        "tray",
        "white bowl",
        "white mug",
        "wine bottle",
        "wine rack",
        "yellow and white mug",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """Read a published run folder offline and write a checkpoint of ours, from which `inspire export` makes a bundle.

    Every array of the folder must have its place; what is missing, unexpected or misshapen is listed.
    """

    checkpoint_dir: tyro.conf.Positional[Path | None] = None
    """The run folder: config.json, dataset_statistics.json, checkpoints/*.pt."""
    out: Path
    """Folder of the checkpoint to write."""
    vq: Path | None = None
    """Folder of the residual VQ, for checkpoints that speak its codes."""
    tokenizer: Path | None = None
    """tokenizer.json of the language model (Qwen/Qwen2.5-0.5B); by default the one in the run folder."""
    dataset: str = ""
    """Key in dataset_statistics.json whose actions it speaks; by default the one it was trained on."""
    preset: str = ""
    """Our preset of its architecture; by default found by vla.base_vlm."""
    words: str = "checkpoint"
    """Answer words and their axes: checkpoint (its own, else LIBERO's), libero, real, or a JSON file."""
    questions: Literal["inspire", "none"] = "inspire"
    """none: a baseline that was never asked."""
    question_mode: Literal["", "direction", "direction_3d", "fine_direction", "distance", "fine_distance"] = ""
    """What it was trained to be asked; by default what its config.json says, else the direction."""
    objects: tuple[str, ...] = ()
    """Things that it may be asked about; by default those named in its config.json, else those of LIBERO."""
    from_hub: str = ""
    """Download this repository first, e.g. InspireVLA/minivla-inspire-libero-90, with its tokenizer and VQ."""


@dataclass(frozen=True, kw_only=True)
class WriteSettings:
    """Write a checkpoint of a minivla preset in the published layout: run folder, VQ folder and tokenizer.json."""

    checkpoint: tyro.conf.Positional[Path]
    """A checkpoint or a run."""
    out: Path
    """Folder of the run to write; it must not exist. The residual VQ is written to its folder vq."""


@dataclass(frozen=True, kw_only=True)
class RandomRunSettings:
    """Write a run folder of the published layout with random weights, with its VQ in the folder vq."""

    out: Path
    """The folder; it must not exist."""
    preset: str = "minivla-test"
    """minivla-1b: at the true size, 5 GB on disk and about as much memory."""
    action_tokenizer: str = "libero_vq_extra_action_tokenizer"
    dataset: str = "libero_90"
    seed: int = 0
