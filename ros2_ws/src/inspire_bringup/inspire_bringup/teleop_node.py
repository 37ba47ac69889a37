"""Teleoperation: an operator as a commander, at the keyboard of this terminal or at a joystick.

Commander "teleop" takes the lease for an instruction like any other and leads the hand through the gate, one action per
control period. Whoever may drive also judges: a key or button ends the instruction as a success or a failure, and the
recorder keeps that. The topic `arm/deadman` is told at `DEADMAN_PERIOD` whether the operator holds on, unless another
switch does that.
"""

from __future__ import annotations

import sys
import time

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, String

from inspire_bringup.teleoperation.jog import Jog, Operator
from inspire_bringup.teleoperation.joystick import Button, Joystick, Mapping
from inspire_bringup.teleoperation.keyboard import HELP, Key, Keyboard
from inspire_bringup.teleoperation.pace import Pace
from inspire_bringup.teleoperation.terminal import Terminal
from inspire_policy.action import ActionContract
from inspire_policy.instructions import checked_instruction
from inspire_policy.nodes.execute_server import ExecuteServer
from inspire_policy.outcomes import judged
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.messages import MessageError, gripper_opening, stamp_ns, to_action
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import HEARTBEAT, INSTRUCTION, STATE
from inspire_policy.turns import Turn

POLL_PERIOD = 0.01  # s, how often the terminal is read
DEADMAN_PERIOD = 0.02  # s


class TeleopNode(Node):
    """See the module. Raises ConfigurationError where the keyboard is asked for and there is no terminal."""

    def __init__(self) -> None:
        super().__init__("teleop")
        source = declare(
            self, "input", "keyboard", "Keys of this terminal, or the topic joy.", choices=("keyboard", "joystick")
        )
        mode = declare(
            self,
            "mode",
            "lockstep",
            "lockstep: the world stands still while the operator lets go; realtime: as a robot's.",
            choices=("lockstep", "realtime"),
        )
        instruction = declare(
            self, "instruction", "", "Given once at the start; empty: wait for the topic instruction."
        )
        speed = declare(self, "speed", 0.5, "Share of the contract's largest leads, 0 to 1.", low=0.05, high=1.0)
        deadman = declare(self, "publish_deadman", True, "Whether arm/deadman is told; false: another switch does.")
        self._contract = ActionContract(
            control_rate_hz=declare(self, "control_rate", 20.0, "Actions per second, Hz.", low=1.0, high=1000.0),
            frame=declare(self, "base_frame", ActionContract.frame, "Frame of the leads: the arm's base."),
            tool_frame=declare(self, "tool_frame", ActionContract.tool_frame, "Frame that the leads move."),
        )
        self._joystick = Joystick(self._mapping())
        self._keyboard = Keyboard() if source == "keyboard" else None
        self._operator = Operator(self._contract, speed=speed)
        self._pace = Pace(self._contract.period, lockstep=mode == "lockstep")
        self._measured_opening = 1.0
        self._newest: int | None = None
        self._terminal: Terminal | None = None
        if self._keyboard is not None:
            try:
                self._terminal = Terminal()
            except (OSError, ValueError) as error:
                raise ConfigurationError(
                    f"keyboard: {error}; start this node by itself in a terminal, or use input:=joystick"
                ) from error
            print(HELP, file=sys.stderr, flush=True)
        self._commander = Commander(self, "teleop", contract=self._contract, on_start=self._on_start)
        self._execute = ExecuteServer(self, self._commander)
        self._instruct = self.create_publisher(String, "instruction", INSTRUCTION)
        self._wanted = instruction
        self._deadman = self.create_publisher(Bool, "arm/deadman", HEARTBEAT) if deadman else None
        self.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, STATE)
        self.create_subscription(JointState, "arm/gripper_state", self._on_gripper, STATE)
        if source == "joystick":
            self.create_subscription(Joy, "joy", self._on_joy, STATE)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(POLL_PERIOD, self._poll, clock=steady)
        self.create_timer(DEADMAN_PERIOD, self._tell_deadman, clock=steady)

    def on_stop(self) -> None:
        """The last word: let go, and give the lease back."""
        if self._deadman is not None:
            self._deadman.publish(Bool(data=False))
        self._commander.close()
        self._execute.close()

    def destroy_node(self) -> None:
        """Give the terminal back as well."""
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        super().destroy_node()

    def _mapping(self) -> Mapping:
        standard = Mapping()
        axes = [
            declare(self, f"axis_{name}", axis, f"Index of the joystick's axis for {text}; -1: none.", low=-1, high=63)
            for name, axis, text in zip(
                ("x", "y", "z", "turn_x", "turn_y", "turn_z"),
                standard.axes,
                ("front", "left", "up", "the turn about x", "the turn about y", "the turn about z"),
            )
        ]
        buttons = {
            name: declare(
                self,
                f"button_{name}",
                getattr(standard, name),
                f"Index of the button: {text}; -1: none.",
                low=-1,
                high=63,
            )
            for name, text in (
                ("deadman", "held while the arm may move"),
                ("gripper", "open or close"),
                ("success", "the instruction is done"),
                ("failure", "it is given up"),
            )
        }
        inverted = declare(self, "inverted_axes", "", "Names among x y z turn_x turn_y turn_z to reverse, with spaces.")
        signs = tuple(-1 if name in inverted.split() else 1 for name in ("x", "y", "z", "turn_x", "turn_y", "turn_z"))
        return Mapping(axes=tuple(axes), signs=signs, **buttons)

    def _jog(self, now: float) -> Jog:
        return self._keyboard.jog(now) if self._keyboard is not None else self._joystick.jog(now)

    def _on_start(self, instruction: str) -> None:
        checked_instruction(instruction)
        self._operator.begin(self._measured_opening)
        self.get_logger().info(f"instruction {instruction!r}: take it")

    def _on_pose(self, message: PoseStamped) -> None:
        self._newest = stamp_ns(message.header.stamp)
        if self._commander.judge(self._newest) is Turn.AGAIN:  # a lockstep world has not heard the answer
            self._commander.repeat()
        else:
            self._answer()

    def _on_gripper(self, message: JointState) -> None:
        try:
            self._measured_opening = gripper_opening(message)
        except MessageError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _on_joy(self, message: Joy) -> None:
        for button in self._joystick.feed(message.axes, message.buttons, time.monotonic()):
            if button is Button.GRIPPER:
                self._operator.toggle_gripper()
            else:
                self._judge(button is Button.SUCCESS)

    def _poll(self) -> None:
        """Hear the terminal; answer an observation that has waited for the operator."""
        self._execute.look(self.get_clock().now().nanoseconds)
        if self._wanted and self._instruct.get_subscription_count() > 0:
            self._instruct.publish(String(data=self._wanted))
            self._wanted = ""
        if self._terminal is not None and self._keyboard is not None:
            for key in self._keyboard.feed(self._terminal.read(), time.monotonic()):
                if key is Key.GRIPPER:
                    self._operator.toggle_gripper()
                elif key in (Key.FASTER, Key.SLOWER):
                    self._operator.scale_speed(1.25 if key is Key.FASTER else 0.8)
                else:
                    self._judge(key is Key.SUCCESS)
        self._answer()

    def _answer(self) -> None:
        """The action for the newest observation, once it is due."""
        stamp, now = self._newest, time.monotonic()
        if stamp is None or not self._commander.acting:
            return
        jog = self._jog(now)
        turn = self._commander.judge(stamp)
        if turn not in (Turn.NEW, Turn.JUMP):
            return
        if not self._pace.due(stamp, now=now, busy=self._operator.busy(jog)):
            return
        self._commander.act(
            to_action(
                self._operator.lead(jog),
                self._contract,
                stamp=stamp,
                observation_stamp=stamp,
                commander_id=self._commander.id,
                chunk_id=self._commander.ticks + 1,
            ),
            latency=time.monotonic() - now,
        )
        self._pace.answered(stamp, now=now)

    def _tell_deadman(self) -> None:
        if self._deadman is not None:
            self._deadman.publish(Bool(data=self._jog(time.monotonic()).deadman))

    def _judge(self, success: bool) -> None:
        if self._commander.acting:
            self._commander.finish(judged(success, "the operator says so"))


def main() -> None:
    """Entry point of the process."""
    sys.exit(run_node(TeleopNode))


if __name__ == "__main__":
    main()
