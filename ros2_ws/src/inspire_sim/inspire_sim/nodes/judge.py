"""The simulated world as a judge: it sees whether the task is done, which the policy cannot, and says so once."""

from __future__ import annotations

from inspire_msgs.srv import Judge
from rclpy.node import Node

from inspire_sim.simulation import Simulation, State


class EpisodeJudge:
    """Calls `inspire/judge` at the end of each episode, where a commander offers it; the answer changes nothing."""

    def __init__(self, node: Node, simulation: Simulation) -> None:
        self._simulation = simulation
        self._judged = False
        self._client = node.create_client(Judge, "inspire/judge")

    def look(self) -> None:
        """Judge when the episode is over and was not judged yet."""
        if not self._simulation.over:
            self._judged = False
        elif not self._judged and self._client.service_is_ready():
            self._judged = True
            success = self._simulation.state is State.SUCCEEDED
            reason = self._simulation.reason or f"the world says so after {self._simulation.step} steps"
            self._client.call_async(Judge.Request(success=success, reason=reason))
