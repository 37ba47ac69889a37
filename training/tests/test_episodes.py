"""Grasps and direction labels from a trajectory alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inspire_policy.directions import direction_axis
from inspire_policy.instructions import objects_named
from inspire_training.episodes.grasps import Grasp, find_grasps
from inspire_training.episodes.labels import Heights, NoLabels, Role, label, roles

PAPER = Heights(0.0, 0.0)


def gripper(*phases: tuple[float, float, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Commanded and measured openings and times at 20 Hz: phases of (commanded, where the fingers stop, frames); they
    need a tenth of their way per frame.
    """
    commanded: list[float] = []
    measured = [1.0]
    for told, stop, frames in phases:
        for _ in range(frames):
            commanded.append(told)
            way = np.clip(stop - measured[-1], -0.1, 0.1)
            measured.append(measured[-1] + way)
    return np.array(commanded), np.array(measured[:-1]), np.arange(len(commanded)) * 0.05


def test_a_grasp_begins_when_the_fingers_are_stopped_and_ends_when_they_part() -> None:
    (grasp,) = find_grasps(*gripper((1.0, 1.0, 10), (0.0, 0.4, 30), (1.0, 1.0, 10)))
    assert grasp.start == 17  # six frames of closing, then still
    assert grasp.end == 41  # the frame after the first in which they were told to open


def test_several_grasps_are_found_in_order() -> None:
    cycle = ((1.0, 1.0, 20), (0.0, 0.5, 20))
    assert len(find_grasps(*gripper(*cycle, *cycle, *cycle, (1.0, 1.0, 10)))) == 3


def test_fingers_that_meet_have_grasped_nothing() -> None:
    assert find_grasps(*gripper((1.0, 1.0, 5), (0.0, 0.0, 30), (1.0, 1.0, 10))) == ()


def test_what_slips_out_is_not_held_any_more() -> None:
    commanded, measured, seconds = gripper((1.0, 1.0, 5), (0.0, 0.4, 20), (0.0, 0.0, 20), (1.0, 1.0, 5))
    (grasp,) = find_grasps(commanded, measured, seconds)
    assert grasp.start < 25 <= grasp.end < 31
    assert measured[grasp.end] < 0.03


def test_what_is_never_let_go_is_held_to_the_end() -> None:
    commanded, measured, seconds = gripper((1.0, 1.0, 5), (0.0, 0.4, 20))
    assert find_grasps(commanded, measured, seconds)[0].end == 25


def test_what_is_held_from_the_beginning_is_held() -> None:
    steps = np.arange(20) * 0.05
    opened = np.r_[np.full(15, 0.3), np.full(5, 0.6)]
    assert find_grasps(np.r_[np.zeros(15), np.ones(5)], opened, steps) == (Grasp(0, 15),)


def test_something_as_wide_as_the_open_fingers_is_held_after_a_while() -> None:
    (grasp,) = find_grasps(*gripper((1.0, 1.0, 5), (0.0, 0.97, 40), (1.0, 1.0, 5)))
    assert 25 <= grasp.start <= 27


@pytest.mark.parametrize("rate", [10, 50])
def test_the_rate_of_the_frames_does_not_matter(rate: int) -> None:
    seconds = np.arange(0, 3, 1 / rate)
    commanded = np.where((seconds < 0.5) | (seconds > 2.0), 1.0, 0.0)
    measured = np.clip(1.0 - 2.0 * (seconds - 0.5), 0.4, 1.0)
    measured = np.where(seconds > 2.0, np.clip(0.4 + 2.0 * (seconds - 2.0), 0.4, 1.0), measured)
    (grasp,) = find_grasps(commanded, measured, seconds)
    assert seconds[grasp.start] == pytest.approx(0.8, abs=0.15)
    assert seconds[grasp.end] == pytest.approx(2.0, abs=0.15)


def test_a_gripper_that_stays_open_grasps_nothing() -> None:
    assert find_grasps(np.ones(5), np.ones(5), np.arange(5) * 0.05) == ()


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("pick up the milk and place it in the bin", {"milk": Role.TARGET, "bin": Role.DESTINATION}),
        ("put the can on the plate", {"can": Role.TARGET, "plate": Role.DESTINATION}),
        (
            "take the milk from the table into the bin",
            {"milk": Role.TARGET, "table": Role.SOURCE, "bin": Role.DESTINATION},
        ),
        ("put the milk and the can in the bin", {"milk": Role.TARGET, "can": Role.TARGET, "bin": Role.DESTINATION}),
        ("put the milk next to the can", {"milk": Role.TARGET, "can": Role.DESTINATION}),
        ("pick up the bread", {"bread": Role.TARGET}),
    ],
)
def test_what_an_instruction_wants_of_its_objects(instruction: str, expected: dict[str, Role]) -> None:
    assert objects_named(instruction, ()) == tuple(expected)
    assert roles(instruction, tuple(expected)) == tuple(expected.values())


def path(*points: tuple[float, float, float], frames: int = 10) -> np.ndarray:
    """A tool that goes from point to point, `frames` frames each way, (T, 3)."""
    ways = [np.linspace(a, b, frames, endpoint=False) for a, b in pairwise(points)]
    return np.concatenate([*ways, [points[-1]]])


START, MILK, BIN = (0.4, 0.0, 0.3), (0.5, 0.1, 0.0), (0.5, -0.2, 0.1)


def test_an_object_is_where_it_was_grasped_in_the_hand_and_where_it_was_let_go() -> None:
    positions = path(START, MILK, BIN, START)
    labels = label("put the milk in the bin", ("milk", "bin"), [Grasp(10, 20)], positions, PAPER)
    assert labels.grasped[:, 0].tolist() == [False] * 10 + [True] * 10 + [False] * 11
    assert not labels.grasped[:, 1].any()
    for frame in range(31):
        place = MILK if frame < 10 else positions[frame] if frame < 20 else BIN
        assert labels.offsets[frame, 0] == pytest.approx(np.subtract(place, positions[frame]))
        assert labels.offsets[frame, 1] == pytest.approx(np.subtract(BIN, positions[frame]))
        for n in range(2):
            expected = direction_axis(labels.offsets[frame, n], bool(labels.grasped[frame, n]))
            assert labels.directions[frame, n] == expected
    assert labels.directions[0].tolist() == [-3, -2]
    assert labels.directions[15].tolist() == [0, -2]


def test_objects_lie_below_the_tool_that_holds_them_by_the_heights_given() -> None:
    positions = path(START, MILK, BIN)
    labels = label("put the milk in the bin", ("milk", "bin"), [Grasp(10, 20)], positions, Heights(0.05, 0.14))
    assert labels.offsets[0, 0, 2] == pytest.approx(MILK[2] - START[2] - 0.05)
    assert labels.offsets[0, 1, 2] == pytest.approx(BIN[2] - START[2] - 0.14)


def test_an_object_taken_up_again_is_where_it_lies_now() -> None:
    dropped, far = (0.5, 0.0, 0.0), (0.3, 0.2, 0.1)
    positions = path(START, MILK, dropped, dropped, far, START)
    labels = label("put the milk in the bin", ("milk", "bin"), [Grasp(10, 20), Grasp(30, 40)], positions, PAPER)
    assert labels.offsets[0, 0] == pytest.approx(np.subtract(MILK, START))
    assert labels.offsets[25, 0] == pytest.approx(np.zeros(3))
    assert labels.offsets[0, 1] == pytest.approx(np.subtract(far, START))


CAN, PLATE = (0.6, 0.3, 0.0), (0.3, 0.3, 0.1)


def test_two_objects_each_have_their_own_place() -> None:
    positions = path(START, MILK, BIN, CAN, PLATE)
    text = "put the milk in the bin and the can on the plate"
    labels = label(text, ("milk", "bin", "can", "plate"), [Grasp(10, 20), Grasp(30, 40)], positions, PAPER)
    first = [np.subtract(p, START) for p in (MILK, BIN, CAN, PLATE)]
    assert labels.offsets[0] == pytest.approx(np.array(first))
    assert labels.grasped.sum(axis=0).tolist() == [10, 0, 10, 0]


def test_two_objects_may_share_a_place() -> None:
    other = (0.52, -0.22, 0.1)
    positions = path(START, MILK, BIN, CAN, other)
    labels = label("put the milk and the can in the bin", ("milk", "can", "bin"), [Grasp(10, 20), Grasp(30, 40)],
                   positions, PAPER)  # fmt: skip
    assert labels.offsets[0, 2] == pytest.approx(np.subtract(BIN, START))
    assert labels.offsets[30, 2] == pytest.approx(np.subtract(other, positions[30]))


def test_where_something_came_from_is_where_it_was_grasped() -> None:
    positions = path(START, MILK, BIN)
    objects = ("milk", "table", "bin")
    labels = label("take the milk from the table into the bin", objects, [Grasp(10, 20)], positions, PAPER)
    assert labels.offsets[20, 1] == pytest.approx(np.subtract(MILK, BIN))


@pytest.mark.parametrize(
    ("text", "objects", "grasps", "name"),
    [
        ("go", (), [Grasp(1, 5)], "no_object_named"),
        ("pick up the milk", ("milk",), [], "no_grasp"),
        ("put the milk and the can in the bin", ("milk", "can", "bin"), [Grasp(1, 5)], "grasps_do_not_match"),
        ("in the bin", ("bin",), [Grasp(1, 5)], "grasps_do_not_match"),
    ],
)
def test_what_cannot_be_labelled_is_named(text: str, objects: tuple, grasps: list, name: str) -> None:
    with pytest.raises(NoLabels) as caught:
        label(text, objects, grasps, path(START, MILK), PAPER)
    assert caught.value.name == name
