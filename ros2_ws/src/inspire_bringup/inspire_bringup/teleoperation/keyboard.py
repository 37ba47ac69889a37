"""Keys to motion. A terminal tells of presses and repeats, never of releases: a key counts as held for a while.

Of keys that are held together a terminal repeats the last one only. Between a press and its first repeat terminals wait
longer than `HOLD`; the arm stops there for a moment.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from inspire_bringup.teleoperation.jog import Jog

HOLD = 0.12  # s; terminals repeat a key 15 to 40 times a second
_ARROWS = {"\x1b[A": "w", "\x1b[B": "s", "\x1b[C": "d", "\x1b[D": "a"}
_MOTION = {
    "w": (1, 0, 0, 0, 0, 0), "s": (-1, 0, 0, 0, 0, 0), "a": (0, 1, 0, 0, 0, 0), "d": (0, -1, 0, 0, 0, 0),
    "r": (0, 0, 1, 0, 0, 0), "f": (0, 0, -1, 0, 0, 0),
    "u": (0, 0, 0, 1, 0, 0), "o": (0, 0, 0, -1, 0, 0), "i": (0, 0, 0, 0, 1, 0), "k": (0, 0, 0, 0, -1, 0),
    "j": (0, 0, 0, 0, 0, 1), "l": (0, 0, 0, 0, 0, -1),
}  # fmt: skip

HELP = """\
  w s    front, back       u o  turn about x     space  open or close the gripper
  a d    left, right       i k  turn about y     + -    faster, slower
  r f    up, down          j l  turn about z     enter  done: success     backspace  give up: failure
  arrows as w a s d        h    hold on without moving                    ctrl-c     leave"""


class Key(Enum):
    """A key that is pressed once and means something."""

    GRIPPER = " "
    FASTER = "+"
    SLOWER = "-"
    SUCCESS = "\r"
    FAILURE = "\x7f"


_SAME = {"\n": Key.SUCCESS, "\b": Key.FAILURE, "=": Key.FASTER, "_": Key.SLOWER}


class Keyboard:
    """Which keys are held. Feed it what the terminal said; `now` is steady time, s."""

    def __init__(self) -> None:
        self._held: dict[str, float] = {}

    def feed(self, text: str, now: float) -> list[Key]:
        """Characters as a raw terminal gives them; returns the keys that mean something once."""
        pressed: list[Key] = []
        for sequence, key in _ARROWS.items():
            text = text.replace(sequence, key)
        for character in text:
            lower = character.lower()
            if lower in _MOTION or lower == "h":
                self._held[lower] = now
            elif character in _SAME:
                pressed.append(_SAME[character])
            elif character in {key.value for key in Key}:
                pressed.append(Key(character))
        if Key.GRIPPER in pressed:
            self._held["h"] = now
        return pressed

    def jog(self, now: float) -> Jog:
        """The motion of the keys that are held now."""
        self._held = {key: since for key, since in self._held.items() if now - since <= HOLD}
        motion = np.sum([_MOTION[key] for key in self._held if key in _MOTION], axis=0) + np.zeros(6)
        motion = np.clip(motion, -1.0, 1.0)
        return Jog(motion[:3], motion[3:], deadman=bool(self._held))

    def release(self) -> None:
        """Forget what is held."""
        self._held.clear()
