"""Joystick axes and buttons to motion. A joystick that falls silent is one that is let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from inspire_bringup.teleoperation.jog import Jog

AXES = 6


@dataclass(frozen=True)
class Mapping:
    """Which axis and button of a `sensor_msgs/Joy` does what. The defaults fit gamepads as `joy` numbers them.

    Attributes:
        axes: index of the axis for x, y, z and the turns about x, y, z; -1: none.
        signs: +1 or -1 for each: axes of `joy` are positive to the left and to the front.
        deadman, gripper, success, failure: indices of buttons; -1: none.
        deadzone: share of an axis' way that counts as rest.
        timeout: s without a message after which everything counts as let go.
    """

    axes: tuple[int, ...] = (1, 0, 4, -1, -1, 3)
    signs: tuple[int, ...] = (1, 1, 1, 1, 1, 1)
    deadman: int = 4
    gripper: int = 0
    success: int = 7
    failure: int = 6
    deadzone: float = 0.1
    timeout: float = 0.25

    def __post_init__(self) -> None:
        if len(self.axes) != AXES or len(self.signs) != AXES or not set(self.signs) <= {-1, 1}:
            raise ValueError(
                f"joystick: expected {AXES} axes and as many signs of +-1, found {self.axes}, {self.signs}"
            )


class Button(Enum):
    """A button that is pressed once and means something."""

    GRIPPER = "gripper"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass
class Joystick:
    """The newest state of a joystick. `now` is steady time, s."""

    mapping: Mapping = field(default_factory=Mapping)
    _axes: np.ndarray = field(default_factory=lambda: np.zeros(AXES))
    _deadman: bool = False
    _down: frozenset[Button] = frozenset()
    _heard: float = -np.inf

    def feed(self, axes: Sequence[float], buttons: Sequence[int], now: float) -> list[Button]:
        """One `sensor_msgs/Joy`; returns the buttons that have just been pressed. Axes it lacks are at rest."""
        m = self.mapping
        values = [float(axes[i]) if 0 <= i < len(axes) else 0.0 for i in m.axes]
        self._axes = np.nan_to_num(np.array(values)) * np.array(m.signs)
        self._heard = now

        def pressed(index: int) -> bool:
            return 0 <= index < len(buttons) and bool(buttons[index])

        self._deadman = pressed(m.deadman)
        down = frozenset(button for button in Button if pressed(getattr(m, button.value)))
        new = sorted(down - self._down, key=lambda button: button.value)
        self._down = down
        return new

    def jog(self, now: float) -> Jog:
        """The motion now: nothing while the deadman's button is not held or the joystick is silent."""
        if not self._deadman or now - self._heard > self.mapping.timeout:
            return Jog()
        rest = self.mapping.deadzone
        beyond = np.clip((np.abs(self._axes) - rest) / (1.0 - rest), 0.0, 1.0)
        motion = np.sign(self._axes) * beyond
        return Jog(motion[:3], motion[3:], deadman=True)
