"""What all rungs learn from: demonstrations, a DAgger round, grounding records. What is there is not recorded again."""

from __future__ import annotations

from typing import Any

from inspire_training.guided.rungs import GuidedSettings


def demos(s: GuidedSettings, name: str, episodes: int, seed: int, *, glance: int = 0) -> None:
    """Episodes of the scripted expert, or glances: many scenes, so many steps of each."""
    from inspire_training import collect
    from inspire_training.settings import DemosSettings

    collect.demos(
        DemosSettings(
            out=s.data / name, episodes=s.scaled(episodes), seed=seed + s.seed, workers=s.workers, glance=glance
        )
    )


def dagger(s: GuidedSettings) -> None:
    """Episodes that `driver` acts in, led astray on purpose, labelled by the scripted expert."""
    from inspire_training import collect
    from inspire_training.settings import DaggerSettings

    collect.dagger(
        DaggerSettings(
            out=s.data / "dagger", checkpoint=s.driver, episodes=s.scaled(160), seed=102_000 + s.seed,
            wander=(12, 30), workers=s.workers,
        )
    )  # fmt: skip


def record(
    s: GuidedSettings, name: str, episodes: int, seed: int, workers: int, *, glance: int = 0, held_out: bool = False
) -> None:
    """Grounding records of whole episodes or of glances, held-out ones at unseen positions."""
    from inspire_training.grounding.collecting import grounding_data
    from inspire_training.grounding.settings import GroundingDataSettings

    more: dict[str, Any] = {"glance": glance, "every": 5, "wander": (8, 0)} if glance else {}
    if held_out:
        more = {"held_out": True, "split": "unseen_positions"}
    grounding_data(
        GroundingDataSettings(
            out=s.data / "grounding" / name, episodes=s.scaled(episodes), seed=seed, workers=workers, **more
        )
    )
