"""LIBERO's suites as data: task names, instructions, initial states and the objects that an instruction asks about.

Read from the files of hf-libero without importing its benchmark module, which would import torch. The instruction is
the task's file name in words, as every published policy is told it (not the `:language` line of the BDDL file).
"""

from __future__ import annotations

import io
import pickle
import re
import runpy
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inspire_sim.worlds.base import WorldError

MAX_STEPS = {"libero_spatial": 220, "libero_object": 280, "libero_goal": 300, "libero_10": 520, "libero_90": 400}

# Spoken names of a kind of object, longest first; the first one that the instruction holds is the object's name.
_SPOKEN: Mapping[str, tuple[str, ...]] = {
    "akita_black_bowl": ("black bowl", "bowl"),
    "black_book": ("book",),
    "chefmate_8_frypan": ("frying pan",),
    "cream_cheese": ("cream cheese box", "cream cheese"),
    "desk_caddy": ("caddy",),
    "flat_stove": ("stove",),
    "glazed_rim_porcelain_ramekin": ("ramekin",),
    "cookies": ("cookie box",),
    "moka_pot": ("moka pot",),
    "new_salad_dressing": ("salad dressing",),
    "porcelain_mug": ("white mug",),
    "red_coffee_mug": ("red mug",),
    "white_cabinet": ("cabinet", "drawer"),
    "white_yellow_mug": ("yellow and white mug",),
    "wine_rack": ("wine rack", "rack"),
    "wooden_cabinet": ("wooden cabinet", "cabinet", "drawer"),
    "wooden_tray": ("tray",),
    "wooden_two_layer_shelf": ("cabinet shelf", "shelf", "cabinet"),
    "yellow_book": ("book",),
}
_BEFORE = "(?:left|right|middle|front|back) "  # which of two equal objects
_AFTER = " (?:at the front|at the back|in the middle|on the left|on the right)"


def suite_tasks(root: Path, suite: str) -> tuple[str, ...]:
    """Task names of a suite in LIBERO's own order. Args: root: folder of LIBERO's code."""
    tasks = runpy.run_path(str(root / "benchmark" / "libero_suite_task_map.py"))["libero_task_map"]
    return tuple(tasks[suite])


def choose_task(suite: str, tasks: Sequence[str], name: str) -> str:
    """The task of a name or of an index given as text. Raises WorldError with what is on offer."""
    if name in tasks:
        return name
    if name.isdigit() and int(name) < len(tasks):
        return tasks[int(name)]
    shown = "; ".join(f"{i} {task}" for i, task in enumerate(tasks[:10]))
    more = f"; and {len(tasks) - 10} more" if len(tasks) > 10 else ""
    raise WorldError(f"{suite}: expected a task by name or index 0..{len(tasks) - 1} ({shown}{more}), found {name!r}")


def instruction_of(task: str) -> str:
    """The instruction of a task: its name in words, without the scene of LIBERO-90 and LIBERO-10."""
    return re.sub(r"^[A-Z_]+_SCENE\d+_", "", task).replace("_", " ")


def read_initial_states(root: Path, suite: str, task: str) -> np.ndarray:
    """The task's initial states, float64 (states, 1 + nq + nv): time, positions, velocities."""
    path = root / "init_files" / suite / f"{task}.pruned_init"
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            states = _NumpyUnpickler(io.BytesIO(archive.read(member))).load()
    except (OSError, zipfile.BadZipFile, StopIteration, pickle.UnpicklingError) as error:
        raise WorldError(
            f"initial states: expected a readable file {path}, found {error}; reinstall hf-libero"
        ) from error
    return np.asarray(states, dtype=np.float64)


class _NumpyUnpickler(pickle.Unpickler):
    """Reads arrays only, whatever the file says."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode") or (module.split(".")[0] == "numpy" and name in _NUMPY_NAMES):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name}")


_NUMPY_NAMES = ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")


def instance_of(name: str, instances: Sequence[str]) -> str | None:
    """The object that a name of a BDDL predicate belongs to: "flat_stove_1_cook_region" is of "flat_stove_1"; None
    for a place.
    """
    owners = [i for i in instances if re.search(r"_\d+$", i) and (name == i or name.startswith(i + "_"))]
    return max(owners, key=len) if owners else None


def spoken_names(
    instruction: str, interest: Sequence[str], goal: Sequence[Sequence[str]], instances: Sequence[str]
) -> dict[str, str]:
    """Spoken name -> instance for the objects of interest, in order of mention in the instruction.

    Args:
        instruction: lower case.
        interest: `obj_of_interest` of the BDDL file, instances such as "milk_1" or regions of them.
        goal: predicates of the BDDL file; their order tells equal objects apart ("the left plate", then "the right
            plate").
        instances: every object and fixture of the BDDL file.
    """
    goal_order = [instance_of(word, instances) for predicate in goal for word in predicate[1:]]
    asked = dict.fromkeys(instance_of(name, instances) for name in interest)
    ordered = sorted((i for i in asked if i), key=lambda i: goal_order.index(i) if i in goal_order else len(goal_order))
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, str, str]] = []
    for instance in sorted(ordered, key=lambda i: -len(_phrases(i)[0])):
        twins = sum(_kind(other) == _kind(instance) for other in ordered) > 1
        start, name = _mention(instruction, instance, twins, taken)
        found.append((start, name, instance))
    names: dict[str, str] = {}
    for _, name, instance in sorted(found, key=lambda item: item[0]):
        names[name if name not in names else f"{name} {instance.rsplit('_', 1)[-1]}"] = instance
    return names


def _mention(instruction: str, instance: str, twins: bool, taken: list[tuple[int, int]]) -> tuple[int, str]:
    """Where the instruction speaks of an instance and in which words; after its end, in the instance's own words,
    where it does not.
    """
    for phrase in _phrases(instance):
        pattern = rf"\b(?:{_BEFORE}{phrase}|{phrase}{_AFTER}|{phrase})(?=s?\b)" if twins else rf"\b{phrase}(?=s?\b)"
        for match in re.finditer(pattern, instruction):
            if all(match.end() <= start or match.start() >= end for start, end in taken):
                taken.append(match.span())
                return match.start(), match.group()
    return len(instruction), _phrases(instance)[-1]


def _phrases(instance: str) -> tuple[str, ...]:
    kind = _kind(instance)
    return _SPOKEN.get(kind, (kind.replace("_", " "),))


def _kind(instance: str) -> str:
    return re.sub(r"_\d+$", "", instance)
