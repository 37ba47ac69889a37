"""The worlds themselves, simulated: reproducible, upright, labelled; and what is said where one cannot be made."""

import numpy as np
import pytest

from inspire_policy.action import osc_from_lead
from inspire_policy.directions import REP103, direction_axis
from inspire_sim.expert import Expert
from inspire_sim.simulation import Simulation, State, Target
from inspire_sim.worlds.base import World, WorldError
from inspire_sim.worlds.libero_assets import ASSET_FOLDERS, find_assets
from inspire_sim.worlds.registry import make_world


@pytest.fixture(scope="module")
def tabletop():
    world = make_world("tabletop", image_size=64)
    yield world
    world.close()


@pytest.fixture(scope="module")
def libero_object(libero_assets):
    world = make_world("libero_object", image_size=64)
    yield world
    world.close()


def drive(world: World, seed: int, task: str, steps: int) -> list[np.ndarray]:
    """What an episode's first steps under the expert look like, as arrays."""
    world.reset(seed, task=task)
    expert = Expert(world.contract)
    trace = []
    for step in range(steps):
        truth = world.truth()
        seen = world.observe(images=step % 10 == 0)
        trace += [seen.tool_position, seen.tool_quaternion, *(o.position for o in truth.objects), *seen.images.values()]
        world.step(osc_from_lead(expert.act(truth), world.contract))
    return trace


def check_reproducible(world: World, task: str) -> None:
    first = drive(world, 3, task, 21)
    drive(world, 4, task, 3)
    second = drive(world, 3, task, 21)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def check_truth(world: World, task: str) -> None:
    episode = world.reset(1, task=task)
    truth = world.truth(images=True)
    assert tuple(state.name for state in truth.objects)[: len(episode.objects)] == episode.objects
    assert [state.role for state in truth.objects].count("target") == 1
    for state in truth.objects:
        axis = direction_axis(state.position - truth.tool_position, state.grasped)
        assert state.direction == REP103.word(axis)
    for name in episode.objects:
        state = next(state for state in truth.objects if state.name == name)
        x0, y0, x1, y1 = state.boxes["agentview"]
        u, v = state.points["agentview"]
        assert 0 <= x0 < x1 <= 64 and 0 <= y0 < y1 <= 64
        assert x0 <= u <= x1 and y0 <= v <= y1
    seen = world.observe()
    assert set(seen.images) == {"agentview", "wrist"} == set(world.focal_lengths)
    for image in seen.images.values():
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8 and image.std() > 5


def test_tabletop_is_reproducible_across_resets(tabletop):
    check_reproducible(tabletop, "milk_bin")


def test_tabletop_truth_is_consistent(tabletop):
    check_truth(tabletop, "milk_bin")


def test_libero_is_reproducible_across_resets(libero_object):
    check_reproducible(libero_object, "0")


def test_libero_truth_is_consistent(libero_object):
    check_truth(libero_object, "0")


def test_libero_images_are_upright(libero_object):
    """The agentview looks at the robot: its base is seen above the objects on the floor in front of it."""
    libero_object.reset(0, task="0")
    state = next(s for s in libero_object.truth(images=True).objects if s.role == "target")
    assert state.points["agentview"][1] > 24


@pytest.mark.slow
@pytest.mark.parametrize("task", range(3))
def test_the_expert_solves_liberos_object_tasks(libero_object, task):
    expert = Expert(libero_object.contract)
    solved = 0
    for seed in range(2):
        episode = libero_object.reset(seed, task=str(task))
        for _ in range(episode.max_steps):
            libero_object.step(osc_from_lead(expert.act(libero_object.truth()), libero_object.contract))
            if libero_object.success():
                solved += 1
                after = libero_object.truth()
                assert {"target", "destination"} <= {state.role for state in after.objects}, (
                    "until the verdict is heard"
                )
                assert expert.act(after).opening == 1.0
                break
    assert solved >= 1


def test_libero_refuses_what_it_does_not_know(libero_object):
    with pytest.raises(WorldError, match="expected a task by name or index"):
        libero_object.reset(0, task="99")
    with pytest.raises(WorldError, match="expected a split of train, random"):
        libero_object.reset(0, split="nowhere")


def test_unknown_worlds_and_sizes_are_refused_with_what_there_is():
    with pytest.raises(WorldError, match="expected one of tabletop, libero_spatial"):
        make_world("kitchen")
    with pytest.raises(WorldError, match="expected 16 to 1024 px, found 0"):
        make_world("tabletop", image_size=0)


def test_missing_assets_are_refused_with_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("INSPIRE_LIBERO_ASSETS", raising=False)
    with pytest.raises(WorldError, match="hf download"):
        find_assets()
    (tmp_path / "half" / ASSET_FOLDERS[0]).mkdir(parents=True)
    monkeypatch.setenv("INSPIRE_LIBERO_ASSETS", str(tmp_path / "half"))
    with pytest.raises(WorldError, match=r"from \$INSPIRE_LIBERO_ASSETS.*found no scenes"):
        find_assets()


def test_an_episode_ends_by_name(tabletop):
    simulation = Simulation(tabletop)
    episode = simulation.reset(0, task="milk_bin", instruction="place the milk into the bin, please")
    assert simulation.objects == ("milk", "bin")
    seen = simulation.observation(images=False)
    hold = Target(seen.tool_position, seen.tool_quaternion, seen.gripper_opening)
    simulation.advance(hold)
    assert simulation.state is State.WAITING, "a gate that holds is no commander that acts"
    simulation.start()
    for _ in range(episode.max_steps):
        assert not simulation.over
        simulation.advance(hold)
    assert simulation.state is State.FAILED and simulation.reason.startswith("timeout: ")
    simulation.fail("other: reason")
    assert simulation.reason.startswith("timeout: ")


def test_a_reset_that_is_refused_leaves_the_episode_alone(tabletop):
    simulation = Simulation(tabletop)
    simulation.reset(0)
    told = simulation.instruction
    for wrong in ({"task": "nothing"}, {"split": "nothing"}, {"instruction": "x" * 10_000}):
        with pytest.raises(WorldError, match="expected"):
            simulation.reset(1, **wrong)
        assert (simulation.instruction, simulation.episode.seed) == (told, 0)
