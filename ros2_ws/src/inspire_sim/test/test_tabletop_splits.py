"""What the tabletop world promises about its splits: training never sees what a held-out split asks."""

import numpy as np
import pytest

from inspire_sim.worlds.base import WorldError
from inspire_sim.worlds.tabletop_layout import DISTRACTORS, SPACING, held_out, sample_scene
from inspire_sim.worlds.tabletop_tasks import (
    SPLITS,
    TRAIN_TEMPLATES,
    TRAINED_OBJECTS,
    UNSEEN_OBJECT,
    UNSEEN_PAIRS,
    UNSEEN_TEMPLATES,
)

SEEDS = range(300)


def scenes(split):
    return [sample_scene(seed, task=None, split=split) for seed in SEEDS]


def target_place(scene):
    x, y, _ = scene.objects[scene.task.object]
    return x, y


def test_the_same_seed_gives_the_same_scene_and_another_one_does_not():
    first, again, other = (sample_scene(seed, task=None, split="train") for seed in (5, 5, 6))
    assert first.objects == again.objects and first.sentence == again.sentence
    assert first.objects != other.objects


def test_training_targets_stay_out_of_the_held_out_cells_and_the_unseen_ones_in_them():
    assert not any(held_out(*target_place(scene)) for scene in scenes("train"))
    assert all(held_out(*target_place(scene)) for scene in scenes("unseen_positions"))


def test_training_never_pairs_what_is_held_out_nor_shows_the_unseen_object():
    for scene in scenes("train"):
        assert (scene.task.object, scene.task.destination) not in UNSEEN_PAIRS
        assert set(scene.objects) <= set(TRAINED_OBJECTS)
    assert {(s.task.object, s.task.destination) for s in scenes("unseen_pairs")} == set(UNSEEN_PAIRS)
    assert {s.task.object for s in scenes("unseen_object")} == {UNSEEN_OBJECT}


def test_paraphrases_share_no_template_with_training():
    assert not set(TRAIN_TEMPLATES) & set(UNSEEN_TEMPLATES)
    trained = {t.format(object="", destination="", preposition="") for t in TRAIN_TEMPLATES}
    for scene in scenes("paraphrases"):
        words = scene.sentence
        for word in (scene.task.object, scene.task.destination):
            words = words.replace(word, "", 1)
        assert words.replace(" in ", "  ").replace(" on ", "  ") not in trained


def test_scenes_hold_three_to_five_objects_apart_from_each_other():
    for split in ("train", "unseen_positions"):
        for scene in scenes(split):
            assert 3 <= len(scene.objects) <= 5
            places = np.array([place[:2] for place in scene.objects.values()])
            gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(len(places))
            assert gaps.min() >= SPACING


def test_distractors_camera_and_light_splits_change_what_they_say():
    nominal = sample_scene(1, task=None, split="train")
    assert not nominal.camera_offset.any() and nominal.light_gain == 1.0
    assert set(DISTRACTORS) <= set(sample_scene(1, task=None, split="distractors").objects)
    assert sample_scene(1, task=None, split="camera_shift").camera_offset.any()
    assert sample_scene(1, task=None, split="light_shift").light_gain != 1.0


def test_unknown_names_are_refused_with_what_there_is():
    from inspire_sim.worlds.tabletop import find_task

    assert find_task("3").name == find_task(find_task("3").name).name
    with pytest.raises(WorldError, match="expected a task of milk_bin"):
        find_task("teapot_bin")
    with pytest.raises(WorldError, match="index below"):
        find_task("99")
    assert SPLITS[0] == "train"
