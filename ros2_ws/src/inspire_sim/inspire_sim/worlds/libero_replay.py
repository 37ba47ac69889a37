"""A LIBERO world for recorded demonstrations: begins in any simulation state, and tells the pose of every body.

It skips what only an expert needs (where to grasp, where to let go), which is most of the cost of `truth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_sim.worlds.base import Episode, WorldError
from inspire_sim.worlds.libero import LiberoWorld


@dataclass(frozen=True)
class SceneState:
    """Every object and fixture that has a body, in the order of `names`.

    Attributes:
        positions: (m, 3) m. quaternions: (m, 4) x, y, z, w; both of body origins, in the arm's base frame.
        grasped: (m,) both finger pads touch it.
    """

    names: tuple[str, ...]
    positions: np.ndarray
    quaternions: np.ndarray
    grasped: np.ndarray


class LiberoReplayWorld(LiberoWorld):
    """See LiberoWorld; tasks are named in every call."""

    def begin(self, task: str, state: np.ndarray) -> Episode:
        """Start an episode from a flattened state (1 + nq + nv,), and let the scene settle as every evaluation does.

        Raises WorldError when the state is not one of this task.
        """
        if task not in self.tasks:
            raise WorldError(f"{self.name}: expected one of its tasks, found {task!r}")
        if task != self._task:
            self._build(task)
        recorded = self._initial_states
        self._check(state)
        self._initial_states = np.asarray(state, dtype=np.float64)[None]
        try:
            return self.reset(0, task=task)
        finally:
            self._initial_states = recorded

    def set_state(self, state: np.ndarray) -> None:
        """Put the simulation into a flattened state. Raises WorldError."""
        self._check(state)
        self._env.sim.set_state_from_flattened(np.asarray(state, dtype=np.float64))
        self._env.sim.forward()
        self._env._post_process()

    def state(self) -> np.ndarray:
        """The flattened state now, float64 (1 + nq + nv,): time, positions, velocities."""
        return np.asarray(self._env.sim.get_state().flatten(), dtype=np.float64)

    def scene(self) -> SceneState:
        """Where everything is and what is held."""
        poses = [self._robot.body(self._env.obj_body_id[name]) for name in self._bodies]
        held = self._held(self._bodies)
        return SceneState(
            tuple(self._bodies),
            np.array([position for position, _ in poses]),
            np.array([quaternion for _, quaternion in poses]),
            np.array([name in held for name in self._bodies]),
        )

    def named_poses(self) -> list[tuple[np.ndarray, bool]]:
        """Of the objects named in the instruction, in order of mention, as in `truth`: position and whether held."""
        held = self._held()
        return [(self._pose(instance)[0], instance in held) for instance in self._named.values()]

    def body_names(self) -> frozenset[str]:
        """MuJoCo's names of all bodies of the task."""
        return frozenset(self._env.sim.model.body_names)

    def body_position(self, body: str) -> np.ndarray:
        """Origin of a body, (3,) m, in the arm's base frame."""
        return self._robot.body(self._env.sim.model.body_name2id(body))[0]

    def published_proprioception(self) -> dict[str, np.ndarray]:
        """What LIBERO's files record of the robot: world-frame pose of the hand's body, joints, fingers."""
        seen = self._env._get_observations(force_update=True)
        kept = ("robot0_eef_pos", "robot0_eef_quat", "robot0_joint_pos", "robot0_gripper_qpos")
        return {name: np.array(seen[name], dtype=np.float64) for name in kept}

    def description(self) -> dict[str, Any]:
        """What the attributes of LIBERO's files say: problem, task file and its text, model XML."""
        return {
            "problem_name": self._env.parsed_problem["problem_name"],
            "bddl_file_name": str(self._env.bddl_file_name),
            "model_file": self._env.sim.model.get_xml(),
        }

    def _check(self, state: np.ndarray) -> None:
        expected = self._initial_states.shape[1]
        if np.shape(state) != (expected,):
            raise WorldError(
                f"{self._task}: expected a state of {expected} numbers, found {np.shape(state)}; it was recorded with "
                "another scene or another version of LIBERO"
            )
