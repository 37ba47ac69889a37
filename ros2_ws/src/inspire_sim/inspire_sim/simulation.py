"""One world and its running episode: reset, advance by a commanded pose, judge. No ROS, no clock.

A command is a pose of the tool frame and a gripper opening, as a real arm's controller takes it. It becomes an
OSC_POSE action from the very observation that was published, so that the numbers of a lockstep episode depend on its
messages alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from inspire_policy.instructions import checked_instruction, objects_named
from inspire_sim.osc import osc_from_target
from inspire_sim.worlds.base import Episode, Observation, Truth, World, WorldError

MOVED_METRES = 1e-3
MOVED_QUATERNION = 5e-3  # largest difference of a component


class State(IntEnum):
    """States of an episode, as in EpisodeStatus."""

    IDLE = 0
    WAITING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4


@dataclass(frozen=True)
class Target:
    """A command: tool frame position (3,) m and quaternion (4,) x, y, z, w in the base frame, gripper opening 0..1."""

    position: np.ndarray
    quaternion: np.ndarray
    opening: float

    @property
    def finite(self) -> bool:
        """Whether every number is finite."""
        return bool(np.isfinite([*self.position, *self.quaternion, self.opening]).all())


class Simulation:
    """A world with its episode.

    Attributes:
        episode: what runs, None before the first reset. instruction: as told to the commander.
        objects: objects named in the instruction, in order of mention.
        state, reason: of the episode. step: control periods since the reset in which the arm was commanded.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.episode: Episode | None = None
        self.instruction = ""
        self.objects: tuple[str, ...] = ()
        self.state = State.IDLE
        self.reason = ""
        self.step = 0
        self._last_quaternion: np.ndarray | None = None
        self._observation: Observation | None = None
        self._truth: Truth | None = None

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.state in (State.SUCCEEDED, State.FAILED)

    def reset(self, seed: int, *, task: str = "", split: str = "", instruction: str = "") -> Episode:
        """Start an episode; `instruction` is told instead of the task's own where it is not empty.

        Raises:
            WorldError: unknown task or split, or an instruction that is too long; the running episode is untouched
                then.
        """
        if instruction:
            try:
                checked_instruction(instruction)
            except ValueError as error:
                raise WorldError(str(error)) from error
        episode = self.world.reset(seed, task=task, split=split or "train")
        self.episode = episode
        self.instruction = instruction or episode.instruction
        self.state, self.reason, self.step = State.WAITING, "", 0
        self._last_quaternion = None
        self._forget()
        self.objects = episode.objects
        if instruction:
            known = [state.name for state in self.truth().objects]
            self.objects = tuple(name for name in objects_named(instruction, known) if name in known)
        return episode

    def observation(self, images: bool) -> Observation:
        """The observation now; rendered at most once a period."""
        if self._observation is None or (images and not self._observation.images):
            self._observation = self.world.observe(images)
        return self._observation

    def truth(self) -> Truth:
        """The privileged state now, without boxes and points."""
        if self._truth is None:
            self._truth = self.world.truth()
        return self._truth

    def advance(self, target: Target | None) -> None:
        """One control period towards a target; without one the arm stays where it is. Judges the episode afterwards."""
        observation = self.observation(images=False)
        if self.state is State.WAITING and target is not None and self._moves(target, observation):
            self.state = State.RUNNING
        if target is None:
            action = np.array([0.0] * 6 + [-1.0 if observation.gripper_opening > 0.5 else 1.0])
        else:
            action = osc_from_target(
                target.position,
                target.quaternion,
                measured_position=observation.tool_position,
                measured_quaternion=observation.tool_quaternion,
                last_target_quaternion=self._last_quaternion,
                opening=target.opening,
                contract=self.world.contract,
            )
            self._last_quaternion = np.array(target.quaternion)
        self.world.step(action)
        self._forget()
        if self.state is State.RUNNING:
            self.step += 1
            self._judge()

    def start(self) -> None:
        """Count from now on, whether the commands move the arm or not."""
        if self.state is State.WAITING:
            self.state = State.RUNNING

    def fail(self, reason: str) -> None:
        """End a running episode by a reason: a stable name, then a sentence."""
        if not self.over:
            self.state, self.reason = State.FAILED, reason

    def _judge(self) -> None:
        assert self.episode is not None
        if self.world.success():
            self.state = State.SUCCEEDED
        elif self.step >= self.episode.max_steps:
            self.fail(f"timeout: expected success within {self.episode.max_steps} steps, found none")

    def _moves(self, target: Target, observation: Observation) -> bool:
        """Whether a target is more than the present pose held: a gate that holds is no commander that acts."""
        far = float(np.abs(target.position - observation.tool_position).max()) > MOVED_METRES
        same_sign = np.sign(target.quaternion @ observation.tool_quaternion)
        turned = float(np.abs(target.quaternion - same_sign * observation.tool_quaternion).max()) > MOVED_QUATERNION
        return far or turned or (target.opening > 0.5) != (observation.gripper_opening > 0.5)

    def _forget(self) -> None:
        self._observation = None
        self._truth = None
