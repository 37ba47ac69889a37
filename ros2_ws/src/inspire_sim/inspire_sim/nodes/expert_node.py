"""The scripted expert as a commander: it reads the privileged truth of the simulated scene and acts like a policy
would.
"""

from __future__ import annotations

import sys
import time

from inspire_msgs.msg import DirectionAnswers, SceneTruth
from rclpy.node import Node

from inspire_policy.action import ActionContract
from inspire_policy.instructions import checked_instruction
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.messages import stamp_ns, to_action
from inspire_policy.ros.parameters import declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import LATCHED, STATE
from inspire_policy.turns import Turn
from inspire_sim.expert import Expert
from inspire_sim.nodes.scene import true_answers, truth_of

PATIENCE = 3.0  # s of wall time in which the scene may still change to the one of the instruction


class ExpertNode(Node):
    """Commander "expert". It follows the instruction of the running episode only: its knowledge is the scene's goal."""

    def __init__(self) -> None:
        super().__init__("expert")
        declare(self, "mode", "lockstep", "As the world's; the expert acts alike.", choices=("lockstep", "realtime"))
        self._contract = ActionContract()
        self._expert = Expert(self._contract)
        self._newest: SceneTruth | None = None
        self._started_at = 0.0
        self._answers = self.create_publisher(DirectionAnswers, "inspire/answers", LATCHED)
        self._commander = Commander(
            self, "expert", contract=self._contract, on_start=self._on_start, on_acting=self._on_acting
        )
        self.create_subscription(SceneTruth, "sim/truth", self._on_truth, STATE)

    def on_stop(self) -> None:
        """The last word: give the lease back, so that the gate holds."""
        self._commander.close()

    def _on_start(self, instruction: str) -> None:
        checked_instruction(instruction)
        self._started_at = time.monotonic()

    def _on_acting(self) -> None:
        if self._newest is not None:
            self._on_truth(self._newest)

    def _on_truth(self, message: SceneTruth) -> None:
        self._newest = message
        commander = self._commander
        stamp = stamp_ns(message.header.stamp)
        turn = commander.judge(stamp)
        if turn is Turn.AGAIN:
            commander.repeat()
        elif turn is not Turn.OLD:
            if message.instruction != commander.instruction:
                self._wait_for_scene(message)
            else:
                self._answer(message, stamp)

    def _wait_for_scene(self, message: SceneTruth) -> None:
        """An instruction may overtake the scene that it belongs to."""
        if time.monotonic() - self._started_at > PATIENCE:
            self._commander.refuse(
                f"expected the instruction of the running episode, {message.instruction!r}; the expert knows no other"
            )

    def _answer(self, message: SceneTruth, stamp: int) -> None:
        begin = time.monotonic()
        truth = truth_of(message)
        named = [state.name for state in truth.objects if state.direction]
        self._answers.publish(true_answers(truth, named=named, instruction=message.instruction, stamp=stamp))
        try:
            lead = self._expert.act(truth)
        except ValueError as error:
            self._commander.refuse(str(error))
            return
        action = to_action(
            lead, self._contract, stamp=stamp, observation_stamp=stamp, commander_id=self._commander.id,
            chunk_id=self._commander.ticks + 1,
        )  # fmt: skip
        self._commander.act(action, latency=time.monotonic() - begin)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(ExpertNode))


if __name__ == "__main__":
    main()
