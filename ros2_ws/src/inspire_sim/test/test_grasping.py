"""Grasps chosen from shapes alone."""

import numpy as np
import pytest

from inspire_sim.worlds.grasping import FINGERTIP, PALM, choose_grasp

NOTHING_AROUND = np.zeros((0, 3))


def box(length: float, width: float, height: float, yaw: float, at=(0.1, -0.2, 0.0)) -> np.ndarray:
    """Corners of a box that stands on z = at[2], its length along x before the turn by yaw."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)]) * (length, width, height)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return corners @ turn.T + at


@pytest.mark.parametrize("yaw", np.deg2rad([-75, -40, 0, 15, 60]))
def test_a_box_is_held_across_its_narrow_side(yaw):
    grasp = choose_grasp(box(0.12, 0.04, 0.05, yaw), NOTHING_AROUND)
    assert abs(np.sin(grasp.yaw - yaw)) < np.sin(np.deg2rad(3))
    np.testing.assert_allclose(grasp.anchor[:2], (0.1, -0.2), atol=1e-9)


@pytest.mark.parametrize("height", [0.02, 0.05, 0.12, 0.2])
def test_neither_palm_nor_table_is_touched(height):
    grasp = choose_grasp(box(0.05, 0.04, height, 0.0), NOTHING_AROUND)
    assert grasp.anchor[2] >= height - PALM
    assert grasp.anchor[2] >= FINGERTIP
    assert grasp.reach == pytest.approx(grasp.anchor[2])


def test_a_long_box_is_held_off_a_tall_neighbour():
    long = box(0.12, 0.04, 0.02, 0.0, at=(0.0, 0.0, 0.0))
    can = box(0.06, 0.06, 0.1, 0.0, at=(-0.06, 0.09, 0.0))
    free, beside = choose_grasp(long, NOTHING_AROUND), choose_grasp(long, can)
    np.testing.assert_allclose(free.anchor[:2], 0.0, atol=1e-9)
    assert beside.yaw == 0.0 and 0.005 < beside.anchor[0] < 0.05 and abs(beside.anchor[1]) < 1e-9
    low = choose_grasp(long, can - (0.0, 0.0, 0.09))
    np.testing.assert_array_equal(low.anchor, free.anchor)


def test_a_bowl_is_held_at_the_rim_on_the_free_side():
    turn = np.linspace(0, 2 * np.pi, 60)
    rim = np.stack([0.055 * np.cos(turn), 0.055 * np.sin(turn), np.full(60, 0.05)], axis=1)
    bowl = np.concatenate([rim, rim * (0.6, 0.6, 0.0)])
    for side in (1.0, -1.0):
        grasp = choose_grasp(bowl, np.array([[0.0, -0.12 * side, 0.05]]))
        assert grasp.anchor[1] * side == pytest.approx(0.051, abs=2e-3)
        assert grasp.yaw == 0.0
