"""A recording as a real robot leaves it, made without one: camera, arm and commander with stamps of their own."""

from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import CommanderStatus, EndEffectorAction
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from inspire_bringup.episode_recording import Doing, EpisodeRecorder, RecordedTopic
from inspire_bringup.recording import header_stamp
from inspire_policy.action import ActionContract, Lead
from inspire_policy.ros.messages import to_action, to_gripper, to_pose_stamped, to_rgb_image

MILK = "put the milk in the bin"
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
SECOND = 1_000_000_000
BEGIN = 1_000 * SECOND
CONTRACT = ActionContract()
KINDS = {
    "inspire/action": EndEffectorAction, "inspire/status": CommanderStatus, "arm/state_pose": PoseStamped,
    "arm/gripper_state": JointState, "instruction": String, "camera/scene/color/image_raw": Image,
    "camera/wrist/color/image_raw": Image,
}  # fmt: skip


def position(seconds: float) -> np.ndarray:
    """Where the tool is, (3,) m: over the milk, down, up, over the bin."""
    x = np.interp(seconds, [0, 1, 2, 3, 4, 5, 6], [0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4])
    y = np.interp(seconds, [0, 1, 3, 4, 6], [0.0, 0.2, 0.2, -0.2, 0.0])
    z = np.interp(seconds, [0, 1, 2, 3, 4, 6], [0.3, 0.3, 0.02, 0.3, 0.2, 0.3])
    return np.array([x, y, z])


def opening(seconds: float) -> float:
    """The measured opening: closes on something at 2 s, opens at 4 s."""
    return float(np.interp(seconds, [0, 2.0, 2.3, 4.1, 4.4], [1.0, 1.0, 0.4, 0.4, 1.0]))


class Recorder:
    """The recorder of episodes with messages of a robot; `received` is the robot's own time."""

    def __init__(self, folder: Path) -> None:
        self._types = {f"/{topic}": kind for topic, kind in KINDS.items()}
        topics = tuple(
            RecordedTopic(name, f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}", "action" in name)
            for name, kind in self._types.items()
        )
        self.core = EpisodeRecorder(folder, topics)

    def say(self, topic: str, message: object, received: int) -> None:
        data = serialize_message(message)
        stamped = "header" in type(message).get_fields_and_field_types()
        self.core.add(f"/{topic}", data, received=received, stamp=header_stamp(data) if stamped else None)


def scene_image(stamp: int) -> Image:
    """A bgr8 image with padded rows whose pixels tell its stamp: red the tenths of a second since the beginning."""
    pixels = np.zeros((16, 20, 3), dtype=np.uint8)
    pixels[..., 0] = (stamp - BEGIN) * 30 // SECOND % 256
    pixels[0, 0] = (1, 2, 3)
    message = to_rgb_image(pixels[:, :, ::-1], stamp, "scene_color_optical_frame")
    rows = np.frombuffer(bytes(message.data), dtype=np.uint8).reshape(16, 60)
    message.encoding, message.step = "bgr8", 64
    message.data = np.pad(rows, ((0, 0), (0, 4))).tobytes()
    return message


def record_robot(
    folder: Path,
    *,
    commander: str = "teleop",
    instruction: str = MILK,
    reason: str = "judged_success: seen",
    pause: tuple[float, float] = (0.0, 0.0),
    blind_after: float = 99.0,
) -> tuple[Path, np.ndarray]:
    """Six seconds of one instruction: the file, and the leads (T, 7) as they were published.

    Args:
        pause: from when to when no action is published, s. blind_after: s after which the scene's camera is silent.
    """  # fmt: skip
    before = set(folder.glob("*"))
    recorder = Recorder(folder)
    leads = []
    for tick in range(600):  # 10 ms
        now, seconds = BEGIN + tick * SECOND // 100, tick / 100
        recorder.say("arm/state_pose", to_pose_stamped(position(seconds), DOWN, now, CONTRACT.frame), now)
        recorder.say("arm/gripper_state", to_gripper(opening(seconds), now), now)
        if tick % 3 == 0 and seconds < blind_after:
            recorder.say("camera/scene/color/image_raw", scene_image(now), now)
        if tick % 5 == 1:
            wrist = np.full((12, 12, 3), tick % 250, dtype=np.uint8)
            recorder.say("camera/wrist/color/image_raw", to_rgb_image(wrist, now, "wrist"), now)
        if tick == 50:
            recorder.say("instruction", String(data=instruction), now)
            recorder.core.told(Doing(commander, instruction, acting=True), received=now)
        if tick >= 50 and tick % 5 == 4 and not pause[0] <= seconds < pause[1]:
            way = (position(seconds + 0.05) - position(seconds)) * 2 / 3
            lead = Lead(way, np.zeros(3), 0.0 if 2.0 <= seconds < 4.0 else 1.0)
            action = to_action(lead, CONTRACT, stamp=now, observation_stamp=now, commander_id=commander)
            recorder.say("inspire/action", action, now)
            leads.append([*lead.translation, *lead.rotation, lead.opening])
    recorder.core.told(Doing(commander, "", acting=False, reason=reason), received=BEGIN + 6 * SECOND)
    (path,) = set(folder.glob("*")) - before
    return path, np.array(leads)
