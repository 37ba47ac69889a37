"""LIBERO's tasks as data: names, choices, spoken names. What needs hf-libero's files is skipped where it is not
installed.
"""

import importlib.util
import pickle
import zipfile

import numpy as np
import pytest

from inspire_sim.worlds.base import WorldError
from inspire_sim.worlds.libero_assets import libero_folder
from inspire_sim.worlds.libero_tasks import (
    MAX_STEPS,
    choose_task,
    instance_of,
    instruction_of,
    read_initial_states,
    spoken_names,
    suite_tasks,
)

needs_libero = pytest.mark.skipif(importlib.util.find_spec("libero") is None, reason="hf-libero is not installed")


@pytest.mark.parametrize(
    ("task", "instruction"),
    [
        ("pick_up_the_milk_and_place_it_in_the_basket", "pick up the milk and place it in the basket"),
        ("KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet", "close the top drawer of the cabinet"),
        ("LIVING_ROOM_SCENE2_put_both_the_butter", "put both the butter"),
    ],
)
def test_the_instruction_is_the_name_without_its_scene(task, instruction):
    assert instruction_of(task) == instruction


def test_a_task_is_chosen_by_name_or_index_and_nothing_else():
    tasks = ("a_b", "c_d")
    assert choose_task("suite", tasks, "c_d") == choose_task("suite", tasks, "1") == "c_d"
    for wrong in ("2", "-1", "a b", "x" * 10_000):
        with pytest.raises(WorldError, match="0 a_b; 1 c_d"):
            choose_task("suite", tasks, wrong)


@pytest.mark.parametrize(
    ("instruction", "interest", "goal", "names"),
    [
        (
            "put the yellow and white mug to the front of the white mug",
            ["porcelain_mug_1", "white_yellow_mug_1"],
            [["On", "white_yellow_mug_1", "kitchen_table_region"]],
            {"yellow and white mug": "white_yellow_mug_1", "white mug": "porcelain_mug_1"},
        ),
        (
            "stack the right bowl on the left bowl and place them in the tray",
            ["akita_black_bowl_1", "akita_black_bowl_2", "wooden_tray_1"],
            [["On", "akita_black_bowl_2", "akita_black_bowl_1"]],
            {"right bowl": "akita_black_bowl_2", "left bowl": "akita_black_bowl_1", "tray": "wooden_tray_1"},
        ),
        (
            "put both moka pots on the stove",
            ["moka_pot_1", "moka_pot_2", "flat_stove_1"],
            [],
            {"moka pot": "moka_pot_1", "stove": "flat_stove_1", "moka pot 2": "moka_pot_2"},
        ),
    ],
)
def test_spoken_names_in_order_of_mention(instruction, interest, goal, names):
    found = spoken_names(instruction, interest, goal, interest)
    assert list(found.items()) == list(names.items())


def test_a_region_belongs_to_the_longest_instance():
    instances = ["chefmate_8_frypan_1", "flat_stove_1", "main_table"]
    assert instance_of("flat_stove_1_cook_region", instances) == "flat_stove_1"
    assert instance_of("chefmate_8_frypan_1", instances) == "chefmate_8_frypan_1"
    assert instance_of("main_table_stove_front_region", instances) is None


@needs_libero
@pytest.mark.parametrize("suite", MAX_STEPS)
def test_every_suite_has_its_tasks_and_initial_states(suite):
    root = libero_folder()
    tasks = suite_tasks(root, suite)
    assert len(tasks) == (90 if suite == "libero_90" else 10)
    states = read_initial_states(root, suite, tasks[-1])
    assert states.shape[0] == 50 and np.isfinite(states).all()


def test_an_initial_state_file_that_wants_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (eval, ("1",))

    folder = tmp_path / "init_files" / "suite"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "task.pruned_init", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
    with pytest.raises(WorldError, match=r"builtins\.eval"):
        read_initial_states(tmp_path, "suite", "task")
