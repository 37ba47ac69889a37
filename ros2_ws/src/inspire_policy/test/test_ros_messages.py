"""Conversions between messages and the core's types, and messages that do not hold what they claim."""

from dataclasses import dataclass

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from inspire_policy.action import ActionContract, Lead
from inspire_policy.directions import REP103
from inspire_policy.ros import messages

CONTRACT = ActionContract()


@pytest.mark.parametrize("nanoseconds", [0, 1, 999_999_999, 1_000_000_000, 1_763_000_000_123_456_789])
def test_stamps_are_exact(nanoseconds):
    assert messages.stamp_ns(messages.to_stamp(nanoseconds)) == nanoseconds


def test_poses_and_leads_come_back_bit_for_bit():
    generator = np.random.default_rng(0)
    position, quaternion = generator.normal(size=3), generator.normal(size=4)
    stamped = messages.to_pose_stamped(position, quaternion, 5, "panda_link0")
    back = messages.pose_arrays(stamped.pose)
    assert np.array_equal(back[0], position) and np.array_equal(back[1], quaternion)
    lead = Lead(generator.normal(size=3), generator.normal(size=3), 0.25)
    action = messages.to_action(
        lead, CONTRACT, stamp=7, observation_stamp=6, commander_id="policy", chunk_id=2**40, index=3
    )
    again = messages.lead_of(action)
    assert np.array_equal(again.translation, lead.translation) and np.array_equal(again.rotation, lead.rotation)
    assert again.opening == 0.25
    assert (action.header.frame_id, action.tool_frame) == (CONTRACT.frame, CONTRACT.tool_frame)
    assert (messages.stamp_ns(action.header.stamp), messages.stamp_ns(action.observation_stamp)) == (7, 6)
    assert (action.commander_id, action.chunk_id, action.index) == ("policy", 2**40, 3)


def test_images_come_back_without_a_copy():
    rgb = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    message = messages.to_rgb_image(rgb[::-1], 5, "camera")
    view = messages.rgb_view(message)
    assert np.array_equal(view, rgb[::-1])
    message.data[0] = (int(view[0, 0, 0]) + 1) % 256
    assert view[0, 0, 0] == message.data[0]
    message.encoding = "bgr8"
    assert np.array_equal(messages.rgb_view(message), view[:, :, ::-1])


def test_padded_rows_are_left_out():
    message = messages.to_rgb_image(np.zeros((2, 3, 3), np.uint8), 0, "camera")
    message.width, message.step = 2, 9
    assert messages.rgb_view(message).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"encoding": "mono8"}, "expected encoding rgb8 or bgr8, found 'mono8'"),
        ({"step": 8}, "expected step >= 9 bytes for width 3, found 8"),
        ({"height": 3}, "expected 27 bytes (3 rows of 9), found 18"),
        ({"height": 0}, "expected at least 1x1 pixels, found 3x0"),
    ],
)
def test_an_image_that_is_not_what_it_claims_is_refused(change, text):
    message = messages.to_rgb_image(np.zeros((2, 3, 3), np.uint8), 0, "camera")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(messages.MessageError) as error:
        messages.rgb_view(message)
    assert text in str(error.value)


def test_only_rgb_pixels_become_an_image():
    with pytest.raises(messages.MessageError, match="expected uint8"):
        messages.to_rgb_image(np.zeros((2, 3, 3)), 0, "camera")


def test_gripper():
    assert messages.gripper_opening(messages.to_gripper(0.7, 1)) == 0.7
    with pytest.raises(messages.MessageError, match="expected a joint named gripper_opening"):
        messages.gripper_opening(JointState(name=["finger"], position=[0.1]))


def test_answers():
    @dataclass(frozen=True)
    class Answer:
        object: str
        word: str
        axis: int
        probabilities: tuple[float, ...]

    message = messages.to_answers(
        [Answer("milk", "left", 2, (0.25,) * 7)], REP103, instruction="pick up the milk", stamp=9
    )
    assert message.header.frame_id == "panda_link0" and list(message.words) == list(REP103.words)
    assert (message.answers[0].object, message.answers[0].word, message.answers[0].axis) == ("milk", "left", 2)


def test_the_info_of_an_ideal_camera_projects_its_axis_to_the_middle():
    info = messages.to_camera_info(width=640, height=480, focal=500.0, stamp=7, frame="wrist_color_optical_frame")
    k, p = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)
    assert np.allclose(k @ (0, 0, 2) / 2, (320, 240, 1)) and np.allclose(k @ (0.2, 0.1, 1), (420, 290, 1))
    assert np.array_equal(p[:, :3], k) and np.array_equal(np.array(info.r).reshape(3, 3), np.eye(3))
    assert (info.width, info.height, list(info.d)) == (640, 480, [0.0] * 5)
    assert messages.stamp_ns(info.header.stamp) == 7 and info.header.frame_id == "wrist_color_optical_frame"
