"""The objects that a frame is asked about, their offsets and whether they are held: by the published rule, or clean.

published: objects, bodies, heights and holds of `phrases`, as the released data have them. clean: what the LIBERO
worlds tell, and so what the answers of an evaluation are compared with: objects in order of mention, each the instance
that the task is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inspire_policy.directions import REP103
from inspire_sim.worlds.libero_replay import LiberoReplayWorld, SceneState
from inspire_training.libero_data.phrases import Phrase, published_objects

Rule = Literal["published", "clean"]


@dataclass(frozen=True)
class FrameLabels:
    """Of one frame and n objects: offsets (n, 3) m, object minus tool in the base frame; grasped (n,)."""

    offsets: np.ndarray
    grasped: np.ndarray


class Labeller:
    """Labels the frames of one task.

    Attributes:
        objects: names without article, in the order of the questions. asked: as questions name them.
    """

    def __init__(self, world: LiberoReplayWorld, instruction: str, rule: Rule) -> None:
        self._world, self._rule = world, rule
        self._phrases: tuple[tuple[Phrase, str], ...] = ()
        if rule == "published":
            present = world.body_names()
            self._phrases = tuple((row, row.body(present)) for row in published_objects(instruction.lower()))
            self.objects: tuple[str, ...] = tuple(row.name for row, _ in self._phrases)
            self.asked: tuple[str, ...] = tuple(row.asked for row, _ in self._phrases)
        else:
            self.objects = world.episode.objects
            self.asked = tuple(f"the {name}" for name in self.objects)
        if not self.objects or len(set(self.objects)) < len(self.objects):
            raise ValueError(f"{instruction}: expected different objects to ask about, found {self.objects or 'none'}")

    def label(self, scene: SceneState, tool: Sequence[float] | np.ndarray) -> FrameLabels:
        """The labels now. Args: scene: of the same moment. tool: position of the tool, (3,) m, base frame."""
        if self._rule == "clean":
            named = self._world.named_poses()
            offsets = [position - tool for position, _ in named]
            return FrameLabels(np.array(offsets), np.array([held for _, held in named]))
        held = dict(zip(scene.names, scene.grasped))
        offsets = [
            self._world.body_position(body) + np.array([0.0, 0.0, row.raised]) - tool for row, body in self._phrases
        ]
        # Only a body that is an object's main one can be held; drawers and the parts of the stove never are.
        grasped = [bool(held.get(body.removesuffix("_main"), False)) for _, body in self._phrases]
        return FrameLabels(np.array(offsets), np.array(grasped))


def axis_name(axis: int) -> str:
    """What the card calls a signed axis: this project's word for it, whatever a checkpoint says."""
    return REP103.word(axis)
