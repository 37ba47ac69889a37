"""A scripted commander at 20 Hz whose actions a fault may change, delay, repeat or drop."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count

import numpy as np
from inspire_msgs.msg import EndEffectorAction

from inspire_policy.action import ActionContract, Lead
from inspire_policy.ros.messages import to_action

NAME = "script"
SPEED, SWING = 0.1, 4.0  # m/s, s: to and fro along y
BACK = 0.3  # 1/s: towards the middle all the while, so that many trials do not end at a wall
Fault = Callable[[EndEffectorAction], Iterable[tuple[float, EndEffectorAction]]]


def faithful(action: EndEffectorAction) -> Iterable[tuple[float, EndEffectorAction]]:
    """The action, at once."""
    return ((0.0, action),)


class Commander(threading.Thread):
    """Publishes while `acting`.

    Args:
        publish: takes a message. now: ROS time, ns. place: where the tool is along y, m. contract: of the actions.
    """

    def __init__(
        self,
        publish: Callable[[EndEffectorAction], None],
        now: Callable[[], int],
        place: Callable[[], float],
        contract: ActionContract,
    ) -> None:
        super().__init__(daemon=True, name="commander")
        self.acting = False
        self.fault: Fault = faithful
        self._publish, self._now, self._place, self._contract = publish, now, place, contract
        self._over = threading.Event()

    def action(self, *, name: str = NAME) -> EndEffectorAction:
        """The action that is right now."""
        stamp = self._now()
        speed = SPEED * math.sin(2 * math.pi * time.monotonic() / SWING) - BACK * self._place()
        lead = Lead(np.array([0.0, speed / self._contract.lead_gain, 0.0]), np.zeros(3), 1.0)
        return to_action(lead, self._contract, stamp=stamp, observation_stamp=stamp, commander_id=name)

    def run(self) -> None:
        """See the class."""
        waiting: list[tuple[float, int, EndEffectorAction]] = []
        order, due = count(), time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if not self.acting:
                waiting.clear()
            elif now >= due:
                for delay, action in self.fault(self.action()):
                    heapq.heappush(waiting, (now + delay, next(order), action))
            if now >= due:
                due = max(due + self._contract.period, now)
            while waiting and waiting[0][0] <= time.monotonic():
                self._publish(heapq.heappop(waiting)[2])
            nearest = min(due, waiting[0][0]) if waiting else due
            time.sleep(min(max(0.0005, nearest - time.monotonic()), 0.02))

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()
