"""The rungs, one change between each and the next, and what the whole ladder is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHARES = {"demos": 1.0, "glances": 1.0, "dagger": 2.0}  # how often a frame of each is drawn
# Of grounding records. Only whole episodes show objects in the hand, where boxes are hardest to tell.
SOURCES = {"episodes": 2.0, "glances": 1.0}


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One policy of the ladder.

    Attributes:
        about: what it has that the one before has not. prompt, bridge: see ExpertConfig.
        cotraining: grounding questions beside the actions.
        stage1: begins from the weights of stage 1, perception at half the learning rate.
        questions: the direction is asked, and learned in the same forward pass.
    """

    about: str
    prompt: Literal["spatial", "padding", "none"] = "none"
    bridge: float = 1.0
    cotraining: bool = False
    stage1: bool = False
    questions: bool = False


RUNGS = {
    "vanilla": Rung(about="action expert alone"),
    "cotraining": Rung(about="+ grounding questions beside it", cotraining=True),
    "prompt": Rung(about="+ spatial prompt, half the gradient", prompt="spatial", bridge=0.5, cotraining=True),
    "stage1": Rung(about="+ stage 1", prompt="spatial", bridge=0.5, cotraining=True, stage1=True),
    "question": Rung(
        about="+ direction question", prompt="spatial", bridge=0.5, cotraining=True, stage1=True, questions=True
    ),
    "padding": Rung(
        about="stage 1, random words for the prompt", prompt="padding", bridge=0.5, cotraining=True, stage1=True
    ),
    "closed": Rung(about="stage 1, no gradient", prompt="spatial", bridge=0.0, cotraining=True, stage1=True),
    "open": Rung(about="stage 1, the whole gradient", prompt="spatial", bridge=1.0, cotraining=True, stage1=True),
}


@dataclass(frozen=True, kw_only=True)
class GuidedSettings:
    """The ladder of spatially guided training from nothing, in stages that can be cut and continued."""

    data: Path = Path("data/guided")
    """Folder of demonstrations and of grounding records."""
    out: Path = Path("runs/guided")
    """Folder of the runs, evaluations, the record of finished stages and results.md."""
    rungs: tuple[str, ...] = tuple(RUNGS)
    """Which to train; each is compared with the first."""
    driver: Path = Path("training/weights/tabletop")
    """Checkpoint or run that drives the DAgger round which all rungs learn from; `inspire recipe tabletop` made the
    one shipped."""
    grounding_steps: int = 10_000
    """Of stage 1, 32 questions each."""
    steps: int = 4000
    """Of every rung, 32 frames each."""
    episodes: int = 50
    """Of evaluation in every split."""
    first_seed: int = 0
    """Of evaluation, counted from 1,000,000."""
    workers: int = 2
    """Processes that collect or evaluate; one of them less beside a training."""
    threads: int = 1
    """CPU threads of training."""
    scale: float = 1.0
    """Shrinks (or grows) episodes, minutes and steps alike, for a trial."""
    precision: Literal["no", "bf16"] = "no"
    """Of every training; see `inspire train`."""
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.rungs if name not in RUNGS]
        if unknown or not self.rungs:
            raise ValueError(
                f"rungs: expected some of {', '.join(RUNGS)}, found {', '.join(unknown) if unknown else 'none'}"
            )

    @property
    def grounding(self) -> tuple[Path, ...]:
        """Folders of the grounding records that are learned from."""
        return tuple(self.data / "grounding" / name for name in SOURCES)

    @property
    def held_out(self) -> Path:
        """Grounding records that nothing learns from."""
        return self.data / "grounding" / "held_out"

    def bundle(self, name: str) -> str:
        """Folder of a rung's bundle."""
        return str((self.out / name / "bundle").resolve())

    def scaled(self, number: int) -> int:
        """A number of episodes or steps at this scale."""
        return max(2, round(number * self.scale))
