"""Reading LIBERO's official files: one per task, `<task>_demo.hdf5`, each with 50 teleoperated demonstrations.

    data/       attrs: env_name, env_args, problem_info, bddl_file_name, bddl_file_content, macros_image_convention,
                num_demos, total
      demo_i/   attrs: num_samples, model_file, init_state
        actions (T, 7), states (T, 1 + nq + nv), robot_states (T, 9), rewards, dones (T,)
        obs/agentview_rgb, eye_in_hand_rgb (T, 128, 128, 3), ee_pos, ee_ori (T, 3), ee_states (T, 6),
            joint_states (T, 7), gripper_states (T, 2)

`states[t]` is the simulation before `actions[t]`. A file that cannot be opened is an error of that file; what is wrong
with a demonstration is named, so that it can be left out and counted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

SUFFIX = "_demo.hdf5"
AGAIN = "download it again"


class DamagedFile(ValueError):
    """A file that cannot be used at all; the message says what was expected, what was found and how to mend it."""


class DamagedDemo(ValueError):
    """A demonstration that cannot be used. `name` is stable and counted."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


@dataclass(frozen=True)
class OfficialFile:
    """What is to be known before its demonstrations are read.

    Attributes:
        suite: as its attributes say, "" where they do not. demos: names of all that there should be, also of those that
            are missing, in the order of their numbers. bytes: size of the file.
    """

    path: Path
    task: str
    suite: str
    demos: tuple[str, ...]
    missing: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class OfficialDemo:
    """actions float64 (T, 7), -1..1, gripper -1 open .. +1 close; states float64 (T, 1 + nq + nv)."""

    actions: np.ndarray
    states: np.ndarray


def official_files(paths: list[Path]) -> list[Path]:
    """Files as given; of a folder every *.hdf5 in it, sorted. Raises FileNotFoundError."""
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.hdf5")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise FileNotFoundError(f"demonstrations: expected LIBERO's *{SUFFIX} at {path}, found none")
        files.extend(found)
    return files


def read_header(path: Path) -> OfficialFile:
    """Task, suite and demonstrations of a file. Raises DamagedFile."""
    try:
        with h5py.File(path, "r") as file:
            if "data" not in file:
                raise DamagedFile(f"{path}: expected a group data, found {', '.join(file) or 'nothing'}; {AGAIN}")
            data = file["data"]
            present = {name for name in data if re.fullmatch(r"demo_\d+", name)}
            count = int(data.attrs.get("num_demos", 0))
            names = sorted(present | {f"demo_{i}" for i in range(count)}, key=lambda name: int(name[5:]))
            suite = Path(str(data.attrs.get("bddl_file_name", ""))).parent.name
            if not present:
                raise DamagedFile(f"{path}: expected demonstrations data/demo_0, data/demo_1, ..., found none; {AGAIN}")
    except (OSError, RuntimeError, KeyError) as error:
        raise DamagedFile(f"{path}: expected a complete HDF5 file, found {_first_line(error)}; {AGAIN}") from error
    missing = tuple(name for name in names if name not in present)
    return OfficialFile(path, path.name.removesuffix(SUFFIX), suite, tuple(names), missing, path.stat().st_size)


def read_demo(path: Path, name: str) -> OfficialDemo:
    """One demonstration. Raises DamagedDemo, DamagedFile."""
    try:
        with h5py.File(path, "r") as file:
            demo = file["data"].get(name)
            if demo is None:
                raise DamagedDemo("missing", f"expected {name} in {path.name}, found none")
            absent = [key for key in ("actions", "states") if key not in demo]
            if absent:
                raise DamagedDemo("incomplete", f"expected actions and states, found no {' and no '.join(absent)}")
            try:
                actions, states = np.asarray(demo["actions"][:], float), np.asarray(demo["states"][:], float)
            except (OSError, RuntimeError, ValueError, TypeError) as error:
                raise DamagedDemo("unreadable", f"expected arrays of numbers, found {_first_line(error)}") from error
    except (OSError, RuntimeError) as error:
        raise DamagedFile(f"{path}: expected a complete HDF5 file, found {_first_line(error)}; {AGAIN}") from error
    if actions.ndim != 2 or actions.shape[1] != 7 or states.ndim != 2 or len(states) != len(actions):
        found = f"actions {actions.shape} and states {states.shape}"
        raise DamagedDemo("wrong_shape", f"expected actions (T, 7) and states (T, n), found {found}")
    if len(actions) == 0:
        raise DamagedDemo("empty", "expected at least one action, found none")
    if not (np.isfinite(actions).all() and np.isfinite(states).all()):
        raise DamagedDemo("not_finite", "expected finite actions and states, found others")
    return OfficialDemo(actions, states)


def instruction_in(path: Path) -> str:
    """The instruction that a file states, "" where it states none."""
    with h5py.File(path, "r") as file:
        try:
            return str(json.loads(file["data"].attrs["problem_info"])["language_instruction"])
        except (KeyError, ValueError, TypeError):
            return ""


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
