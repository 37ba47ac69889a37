"""Records from the worlds' ground truth: boxes, hidden parts, projections and traces are where the picture has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inspire_sim.expert import Expert
from inspire_sim.worlds.base import World, WorldError
from inspire_sim.worlds.registry import make_world
from inspire_training import collect
from inspire_training.collect import Shard
from inspire_training.grounding.collecting import grounding_data, record_shard
from inspire_training.grounding.episodes import CAMERA, record_episode
from inspire_training.grounding.settings import GroundingDataSettings
from inspire_training.grounding.store import open_store

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = make_world("tabletop")
    yield made
    made.close()


def test_a_view_agrees_with_the_truth_and_knows_what_is_hidden(world: World) -> None:
    world.reset(3)
    view, truth = world.view(CAMERA), world.truth(images=True)
    for state in truth.objects:
        mask, box = view.mask(state.name), state.boxes[CAMERA]
        rows, columns = np.nonzero(mask)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if rows.size else None
        assert found == box, state.name
        assert mask.sum() <= view.whole[state.name]
        pixel = view.project(state.position)
        assert pixel is not None and (box is None or box[0] - 8 < pixel[0] < box[2] + 8), state.name
    with pytest.raises(WorldError, match="expected a camera of agentview, wrist"):
        world.view("ceiling")


def test_looking_at_an_object_alone_changes_nothing(world: World) -> None:
    world.reset(5)
    before = world.observe().images[CAMERA]
    world.view(CAMERA)
    assert np.array_equal(before, world.observe().images[CAMERA])


def test_a_trace_leads_to_where_the_gripper_closes(world: World) -> None:
    frames = record_episode(
        world, Expert(world.contract), seed=8, task="can_plate", split="train", every=10, wander=(0, 0), max_steps=70
    )
    record = next(frame.record for frame in frames if frame.record.flags["trace"])
    assert record.trace_px is not None and record.gripper is not None
    can = record.find("can")
    assert can is not None and can.grasp_px is not None and can.bbox_xyxy_px is not None
    assert np.linalg.norm(np.subtract(record.trace_px[0], record.gripper.px)) < 0.1
    assert np.linalg.norm(np.subtract(record.trace_px[-1], can.grasp_px)) < 6.0
    assert record.direction["can"] and record.roles.destination == "plate"
    last = frames[-1].record
    assert any(f.record.gripper is not None and f.record.gripper.holding for f in frames) or last.source["step"] < 60


def test_a_shard_is_recorded_once_and_seeds_of_evaluation_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(collect, "SHARD", 1)
    monkeypatch.setattr(collect, "_worlds", {"tabletop": world})
    settings = GroundingDataSettings(out=tmp_path, episodes=1, seed=4, glance=6, every=3, held_out=True, workers=1)
    _, frames = record_shard(settings, Shard(tmp_path / "part-000004.hdf5", range(1_000_004, 1_000_005), ""))
    store = open_store([tmp_path])
    assert len(store) == frames == 2 and store.records[0].source["seed"] == 1_000_004
    assert store.segments is not None and store.segments.max() <= len(store.records[0].objects)
    written = (tmp_path / "part-000004.hdf5").stat().st_mtime_ns
    grounding_data(settings)  # nothing is missing: nothing is recorded
    assert (tmp_path / "part-000004.hdf5").stat().st_mtime_ns == written
    with pytest.raises(ValueError, match="expected training seeds below 500000"):
        grounding_data(GroundingDataSettings(out=tmp_path, seed=499_999))


def test_liberos_objects_are_grounded_by_the_names_that_are_spoken() -> None:
    try:
        libero = make_world("libero_object")
    except WorldError as error:
        pytest.skip(f"LIBERO: {error}")
    (frame, *_) = record_episode(
        libero, Expert(libero.contract), seed=1, task="0", split="random", every=2, wander=(0, 0), max_steps=2
    )
    libero.close()
    record = frame.record
    target, destination = record.find(record.roles.target), record.find(record.roles.destination)
    assert target is not None and destination is not None and target.name in record.instruction
    for item in (target, destination):
        assert item.bbox_xyxy_px is not None and item.point_px is not None and 0 < item.visible_frac <= 1
        u, v = (int(value) for value in item.point_px)
        assert record.objects[frame.segments[v, u] - 1].name == item.name
