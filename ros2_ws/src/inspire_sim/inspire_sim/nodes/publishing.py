"""What a simulated body says once per control period, on the topics of a real one, and says again when it was not
heard.

Images are rendered only while somebody listens: rendering is most of a period's cost.
"""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import DirectionAnswers, EpisodeStatus, SceneTruth
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from inspire_policy.ros.messages import to_camera_info, to_gripper, to_pose_stamped, to_rgb_image, to_stamp
from inspire_policy.ros.qos import IMAGE, LATCHED, STATE
from inspire_sim.nodes.scene import to_scene_truth, true_answers
from inspire_sim.simulation import Simulation


class BodyPublisher:
    """Publishers of one simulated body.

    Args:
        node: their owner. simulation: what they tell about.
    """

    def __init__(self, node: Node, simulation: Simulation) -> None:
        self._simulation = simulation
        world = simulation.world
        self._frame = world.contract.frame
        self._images: dict[str, Publisher] = {}
        self._infos: dict[str, Publisher] = {}
        self._focal_lengths: dict[str, float] = dict(world.focal_lengths)
        for camera in world.cameras:
            topic = f"camera/{camera}/color"
            self._images[camera] = node.create_publisher(Image, f"{topic}/image_raw", IMAGE)
            self._infos[camera] = node.create_publisher(CameraInfo, f"{topic}/camera_info", IMAGE)
        self._pose = node.create_publisher(PoseStamped, "arm/state_pose", STATE)
        self._gripper = node.create_publisher(JointState, "arm/gripper_state", STATE)
        self._truth = node.create_publisher(SceneTruth, "sim/truth", STATE)
        self._answers = node.create_publisher(DirectionAnswers, "sim/answers", LATCHED)
        self._episode = node.create_publisher(EpisodeStatus, "sim/episode", LATCHED)
        self._clock = node.create_publisher(Clock, "/clock", STATE)

    def clock(self, stamp: int) -> None:
        """Publish the time, ns."""
        self._clock.publish(Clock(clock=to_stamp(stamp)))

    def observation(self, stamp: int) -> None:
        """Publish what the body sees, feels and knows at `stamp` ns."""
        simulation = self._simulation
        seen = simulation.observation(images=self._watched())
        truth = simulation.truth()
        scene = to_scene_truth(
            truth, instruction=simulation.instruction, named=simulation.objects, stamp=stamp, frame=self._frame
        )
        answers = true_answers(truth, named=simulation.objects, instruction=simulation.instruction, stamp=stamp)
        messages: list[tuple[Publisher, Any]] = [
            (self._truth, scene),
            (self._answers, answers),
            (self._gripper, to_gripper(seen.gripper_opening, stamp, self._frame)),
            (self._pose, to_pose_stamped(seen.tool_position, seen.tool_quaternion, stamp, self._frame)),
        ]
        for camera, rgb in seen.images.items():
            frame = f"{camera}_color_optical_frame"
            height, width = rgb.shape[:2]
            focal = self._focal_lengths[camera]
            info = to_camera_info(width=width, height=height, focal=focal, stamp=stamp, frame=frame)
            messages += [(self._infos[camera], info), (self._images[camera], to_rgb_image(rgb, stamp, frame))]
        for publisher, message in messages:
            publisher.publish(message)

    def episode(self, stamp: int) -> None:
        """Publish the state of the episode at `stamp` ns."""
        simulation = self._simulation
        message = EpisodeStatus(
            state=int(simulation.state),
            world=simulation.world.name,
            instruction=simulation.instruction,
            step=simulation.step,
            reason=simulation.reason,
        )
        if simulation.episode is not None:
            message.task = simulation.episode.task
            message.seed = simulation.episode.seed
            message.max_steps = simulation.episode.max_steps
        message.header.stamp = to_stamp(stamp)
        message.header.frame_id = self._frame
        self._episode.publish(message)

    def _watched(self) -> bool:
        views = (*self._images.values(), *self._infos.values())
        return any(publisher.get_subscription_count() > 0 for publisher in views)
