"""Parts of separate sensors become observations: the newest within a tolerance, older ones refused and counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_policy.images import ImageGeometry
from inspire_policy.observations import ObservationSet
from inspire_policy.pairing import CLOCK_JUMP_NS, NewestWithin

MS = 1_000_000
IMAGE = np.zeros((32, 32, 3), np.uint8)
ORIENTATION = np.array([0.0, 0.0, 0.0, 1.0])


def pairing(image_tolerance: int = 20, state_tolerance: int = 40) -> NewestWithin:
    return NewestWithin(
        ("a", "b"), ("pose",), image_tolerance=image_tolerance * MS, state_tolerance=state_tolerance * MS
    )


def put(pairs: NewestWithin, *parts: tuple[str, int]):
    """Put parts (key, ms), each its own value; the sets that they complete, as (ms, values)."""
    done = [pairs.put(key, ms * MS, (key, ms)) for key, ms in parts]
    return [(s.stamp // MS, {key: value[1] for key, value in s.values.items()}) for s in done if s]


def test_the_newest_images_go_with_the_closest_state():
    pairs = pairing()
    assert put(pairs, ("pose", 95), ("pose", 102), ("pose", 120), ("a", 100)) == []
    assert put(pairs, ("b", 115)) == [(100, {"a": 100, "b": 115, "pose": 102})]
    assert put(pairs, ("a", 133), ("pose", 150)) == [], "an image is used once"
    assert put(pairs, ("b", 148)) == [(133, {"a": 133, "b": 148, "pose": 120})]
    assert not pairs.counts


def test_images_too_far_apart_wait_for_a_newer_one_and_are_counted():
    pairs = pairing()
    assert put(pairs, ("pose", 30), ("a", 0), ("b", 30)) == []
    assert pairs.missing == ("a",)
    assert put(pairs, ("a", 33)) == [(30, {"a": 33, "b": 30, "pose": 30})]
    assert pairs.counts == {"incomplete": 1}


def test_a_state_too_old_keeps_the_images_waiting():
    pairs = pairing()
    assert put(pairs, ("pose", 0), ("a", 100), ("b", 100)) == []
    assert pairs.missing == ("pose",)
    assert put(pairs, ("pose", 59)) == []
    assert put(pairs, ("pose", 60)) == [(100, {"a": 100, "b": 100, "pose": 60})]
    assert pairs.missing == ("a", "b")


def test_older_and_repeated_parts_are_refused_and_counted():
    pairs = pairing()
    assert len(put(pairs, ("pose", 100), ("a", 100), ("b", 100))) == 1
    assert put(pairs, ("a", 100), ("b", 67), ("pose", 90)) == []
    assert pairs.counts == {"late": 3}


def test_a_clock_that_jumps_back_begins_anew():
    pairs = pairing()
    put(pairs, ("pose", 5000), ("a", 5000), ("b", 5000))
    assert put(pairs, ("a", 100), ("b", 100)) == [] and pairs.counts == {"clock_jump": 1}
    assert put(pairs, ("pose", 100)) == [(100, {"a": 100, "b": 100, "pose": 100})]


def test_cameras_of_different_rates_give_observations_at_the_slower():
    pairs = pairing()
    parts = sorted(
        [("a", ms) for ms in range(0, 1000, 33)] + [("b", ms) for ms in range(5, 1000, 66)], key=lambda p: p[1]
    )
    sets = [done for part in parts for done in put(pairs, ("pose", part[1]), part)]
    assert len(sets) == 16 and pairs.counts["incomplete"] == len(range(0, 1000, 33)) - 16


@settings(deadline=None)
@given(
    phase=st.integers(0, 33),
    jitter=st.lists(st.integers(-1, 1), min_size=60, max_size=60),
)
def test_two_cameras_of_one_rate_always_fit_within_half_a_period(phase, jitter):
    pairs = pairing(image_tolerance=20)
    parts = [("a", 100 + 33 * i + jitter[2 * i]) for i in range(30)]
    parts += [("b", 100 + phase + 33 * i + jitter[2 * i + 1]) for i in range(30)]
    sets = [done for part in sorted(parts, key=lambda p: p[1]) for done in put(pairs, ("pose", part[1]), part)]
    assert len(sets) >= 28


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "pose"]), st.integers(0, 3000)), max_size=80))
def test_whatever_comes_sets_are_close_new_and_every_image_is_accounted_for(parts):
    pairs = pairing()
    used: list[tuple[str, int]] = []
    last = None
    for key, ms in parts:
        jumps = pairs.counts["clock_jump"]
        for stamp, values in put(pairs, (key, ms)):
            if jumps == pairs.counts["clock_jump"]:
                assert last is None or stamp > last
            last = stamp
            assert stamp == min(values["a"], values["b"]) and abs(values["a"] - values["b"]) <= 20
            assert abs(values["pose"] - stamp) <= 40
            used += [("a", values["a"]), ("b", values["b"])]
        if jumps != pairs.counts["clock_jump"]:
            last = None
    images = sum(key != "pose" for key, _ in parts)
    assert len(used) + pairs.counts["incomplete"] <= images
    if not pairs.counts["clock_jump"]:
        late_states = pairs.counts["late"]
        assert images - len(used) - pairs.counts["incomplete"] - late_states <= 2


def test_observations_of_separate_sensors():
    geometry = {"agentview": ImageGeometry(16, 16), "wrist": ImageGeometry(16, 16)}
    parts = ObservationSet.of_separate_sensors(geometry, image_tolerance=0.02, state_tolerance=0.04)
    base = 2 * CLOCK_JUMP_NS
    assert parts.put_pose(base, np.array([0.1, 0.0, 0.0]), ORIENTATION) is None
    assert parts.put_pose(base + 9 * MS, np.array([0.2, 0.0, 0.0]), ORIENTATION) is None
    assert parts.put_gripper(base - 30 * MS, 0.5) is None
    assert parts.put_image("wrist", base + 12 * MS, IMAGE) is None
    assert parts.missing == ("agentview",)
    observation = parts.put_image("agentview", base + 8 * MS, IMAGE)
    assert observation.stamp == base + 8 * MS and observation.position[0] == pytest.approx(0.2)
    assert observation.opening == 0.5 and set(observation.images) == {"agentview", "wrist"}
    assert parts.put_image("wrist", base + 12 * MS, IMAGE) is None and parts.dropped == 1
