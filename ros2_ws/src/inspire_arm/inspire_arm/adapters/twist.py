"""For twist controllers (MoveIt Servo): the twist of the limited lead is the command, zeros are the hold.

A twist that is kept for 1/k seconds (0.19 s at a lead gain of 5.3/s) ends at measured (+) lead, which the workspace and
the keep-out boxes contain. A controller that times out sooner therefore stays inside them whatever becomes of the gate.
"""

from __future__ import annotations

from inspire_arm.adapters.base import Target
from inspire_arm.envelope import Limited
from inspire_arm.motion import Command, Pose, Twist
from inspire_policy.rotations import quaternion_conjugate, quaternion_from_rotvec, quaternion_multiply, rotate


class TwistAdapter:
    """The target, measured (+) lead, is for display and for the hold; what is told is the command's twist."""

    def target(self, limited: Limited, measured: Pose, elapsed: float) -> Target:
        """See `Adapter.target`."""
        turn = quaternion_from_rotvec(limited.lead.rotation)
        return Target(limited.position, quaternion_multiply(turn, measured.quaternion))

    def remember(self, hold: Command) -> None:
        """See `Adapter.remember`: a twist needs no memory."""

    def forget(self) -> None:
        """See `Adapter.forget`: a twist needs no memory."""


def seen_from_tool(command: Command, lead_gain: float) -> Twist:
    """The twist of a command in the axes of the tool frame, as that was measured when the command was made."""
    turn = quaternion_from_rotvec(command.twist.angular / lead_gain)
    to_tool = quaternion_conjugate(quaternion_multiply(quaternion_conjugate(turn), command.quaternion))
    return Twist(rotate(to_tool, command.twist.linear), rotate(to_tool, command.twist.angular))
