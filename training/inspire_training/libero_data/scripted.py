"""`inspire write-libero`: the scripted expert's demonstrations in the layout of LIBERO's official files.

With them everything that reads official files can be tried where those cannot be downloaded. What the official files
hold and nothing here reads (images of 128 px, joints) is written as well.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.rotations import rotvec_from_quaternion
from inspire_sim.expert import Expert
from inspire_sim.worlds.libero_replay import LiberoReplayWorld
from inspire_training.collect import TRAINING_SEEDS
from inspire_training.evaluation.folder import EvaluationError
from inspire_training.libero_data.official import SUFFIX
from inspire_training.libero_data.settings import WriteLiberoSettings
from inspire_training.protocol.plan import tasks_of

OPEN, STILL = -1.0, np.zeros(6)
AFTER = 3  # actions after the first success, so that the last one holds it


def write_libero(settings: WriteLiberoSettings) -> dict[str, int]:
    """Write a file per task; returns task -> demonstrations. Files that are there already stay as they are.

    Raises EvaluationError, WorldError, ValueError on bad input, OSError on a full disk with no half-written file left.
    """
    tasks = list(tasks_of(settings.suite, settings.tasks).values())
    last = settings.seed + settings.demos * settings.attempts
    if settings.demos < 1 or settings.attempts < 1 or not 0 <= settings.seed <= last <= TRAINING_SEEDS:
        raise ValueError(
            f"expected demos and attempts of 1 or more and seeds from 0 to {TRAINING_SEEDS}, found {settings.demos}, "
            f"{settings.attempts} and {settings.seed} to {last}"
        )
    world = LiberoReplayWorld(settings.suite, image_size=settings.image_size)
    written = {}
    try:
        for task in tasks:
            path = settings.out / f"{task}{SUFFIX}"
            if path.exists():
                print(f"{path}: already there", flush=True)
                continue
            written[task] = write_task(world, path, task, settings)
            print(f"{path}: {written[task]} demonstrations", flush=True)
    finally:
        world.close()
    return written


def write_task(world: LiberoReplayWorld, path: Path, task: str, settings: WriteLiberoSettings) -> int:
    """Write the file of one task, whole or not at all; returns how many demonstrations it holds. Raises ValueError when
    the expert never succeeds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.partial.*"):  # of a process that was killed
        left.unlink(missing_ok=True)
    partial = path.with_name(f"{path.name}.partial.{os.getpid()}")
    file = h5py.File(partial, "w")
    try:
        data = file.create_group("data")
        count = total = 0
        for seed in range(settings.seed, settings.seed + settings.demos * settings.attempts):
            rows, success = _demonstrate(world, task, seed, settings.pause)
            if not success:
                continue
            if count == 0:
                _describe(data, world)
            _write_demo(data.create_group(f"demo_{count}"), rows, world.description()["model_file"])
            count, total = count + 1, total + len(rows["actions"])
            if count == settings.demos:
                break
        if count == 0:
            raise ValueError(f"{task}: expected the scripted expert to succeed, found no success in its attempts")
        data.attrs.update(num_demos=count, total=total)
        file.close()
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError, RuntimeError):
            file.close()
        partial.unlink(missing_ok=True)
        raise
    return count


def _demonstrate(world: LiberoReplayWorld, task: str, seed: int, pause: int) -> tuple[dict[str, list], bool]:
    """One episode of the expert: a row of everything per action, what is seen after it; and whether it succeeded."""
    episode = world.reset(seed, task=task, split="random")
    expert = Expert(world.contract)
    rows: dict[str, list] = {name: [] for name in ("actions", "states", "agentview", "wrist", "felt")}
    left = AFTER
    for step in range(episode.max_steps):
        if world.success():
            left -= 1
            action = np.array([*STILL, OPEN])
        elif step < pause:
            action = np.array([*STILL, OPEN])
        else:
            action = np.clip(osc_from_lead(expert.act(world.truth()), world.contract), -1.0, 1.0)
        rows["states"].append(world.state())
        rows["actions"].append(action)
        world.step(action)
        seen = world.observe()
        rows["agentview"].append(seen.images["agentview"])
        rows["wrist"].append(seen.images["wrist"])
        rows["felt"].append(world.published_proprioception())
        if left == 0:
            break
    return rows, world.success()


def _describe(data: Any, world: LiberoReplayWorld) -> None:
    said, episode = world.description(), world.episode
    kwargs = {"robots": ["Panda"], "control_freq": round(world.contract.control_rate_hz)}
    data.attrs.update(
        env_name=said["problem_name"],
        problem_info=json.dumps({"problem_name": said["problem_name"], "language_instruction": episode.instruction}),
        bddl_file_name=f"libero/libero/bddl_files/{world.name}/{episode.task}.bddl",
        bddl_file_content=Path(said["bddl_file_name"]).read_text(),
        macros_image_convention="opengl",
        env_args=json.dumps({"type": 1, "env_name": said["problem_name"], "env_kwargs": kwargs}),
    )


def _write_demo(demo: Any, rows: dict[str, list], model: str) -> None:
    felt = {name: np.stack([row[name] for row in rows["felt"]]) for name in rows["felt"][0]}
    position, quaternion = felt["robot0_eef_pos"], felt["robot0_eef_quat"]
    turn = np.stack([rotvec_from_quaternion(q) for q in quaternion])
    steps = len(rows["actions"])
    done = np.zeros(steps, dtype=np.uint8)
    done[-1] = 1
    demo.attrs.update(num_samples=steps, model_file=model, init_state=rows["states"][0])
    demo["actions"], demo["states"] = np.stack(rows["actions"]), np.stack(rows["states"])
    demo["robot_states"] = np.concatenate([felt["robot0_gripper_qpos"], position, quaternion], axis=1)
    demo["rewards"], demo["dones"] = done, done
    obs = demo.create_group("obs")
    for key, name in (("agentview_rgb", "agentview"), ("eye_in_hand_rgb", "wrist")):
        images = np.stack(rows[name])[:, ::-1]  # bottom-up, as OpenGL gives them
        obs.create_dataset(key, data=images, compression="lzf", chunks=(1, *images.shape[1:]))
    obs["ee_pos"], obs["ee_ori"], obs["ee_states"] = position, turn, np.concatenate([position, turn], axis=1)
    obs["joint_states"], obs["gripper_states"] = felt["robot0_joint_pos"], felt["robot0_gripper_qpos"]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns its exit code."""
    import tyro

    try:
        write_libero(tyro.cli(WriteLiberoSettings, prog="inspire write-libero", args=arguments))
    except EvaluationError as error:
        raise ValueError(str(error)) from error
    return 0
