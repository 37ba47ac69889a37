"""`inspire/ground`: where the policy sees things in its newest observation, told on `inspire/grounding` as well.

Off the control path: a thread of its own, an engine of its own, made at the first request. One request at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geometry_msgs.msg import Point32
from inspire_msgs.msg import GroundedItem, Grounding
from inspire_msgs.srv import Ground
from rclpy.node import Node
from rclpy.task import Future

from inspire_policy.brain import Brain
from inspire_policy.engines.protocol import EngineError
from inspire_policy.instructions import objects_named
from inspire_policy.observations import PolicyObservation
from inspire_policy.overlay import Mark
from inspire_policy.programs.grounding import Grounded, Grounder
from inspire_policy.ros.messages import to_stamp
from inspire_policy.ros.qos import LATCHED
from inspire_policy.ros.services import create_async_service

KINDS = {"box": GroundedItem.BOX, "point": GroundedItem.POINT, "trace": GroundedItem.TRACE}
REFUSALS = (ValueError, EngineError)


@dataclass(frozen=True)
class _Request:
    brain: Brain
    observation: PolicyObservation
    instruction: str
    objects: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class _Result:
    """`size`: width and height of the camera's image, px."""

    camera: str
    size: tuple[int, int]
    found: tuple[Grounded, ...]


class GroundingServer:
    """Offers the service.

    Args:
        node: its owner. running: the brain in use, None where there is none. newest: the newest observation. told: the
            running instruction, empty where there is none.
        show: told the observation's stamp, ns, and what to draw on the overlay.
    """

    def __init__(
        self,
        node: Node,
        *,
        running: Callable[[], Brain | None],
        newest: Callable[[], PolicyObservation | None],
        told: Callable[[], str],
        show: Callable[[int, Sequence[Mark]], None],
    ) -> None:
        self._node, self._running, self._newest, self._told, self._show = node, running, newest, told, show
        self._busy = False
        self._grounder: tuple[Brain, Grounder] | None = None
        self._publisher = node.create_publisher(Grounding, "inspire/grounding", LATCHED)
        create_async_service(node, Ground, "inspire/ground", self._on_request)

    async def _on_request(self, request: Ground.Request, response: Ground.Response) -> Ground.Response:
        try:
            response.grounding = await self._ground(request)
            response.success = True
            response.message = f"{len(response.grounding.items)} found"
        except REFUSALS as error:
            response.message = str(error)
            self._node.get_logger().warning(f"inspire/ground: {error}")
        return response

    async def _ground(self, request: Ground.Request) -> Grounding:
        """Ask, publish and show. Raises one of REFUSALS."""
        brain = self._running()
        if brain is None:
            raise ValueError("grounding: expected a configured policy, found none; configure it, which loads a bundle")
        observation = self._newest()
        if observation is None:
            raise ValueError("grounding: expected an observation, found none yet; start cameras and arm")
        if self._busy:
            raise ValueError("grounding: expected one request at a time, found another one running; ask again later")
        instruction, known = self._told(), brain.bundle.manifest.known_objects
        named = tuple(name for name in objects_named(instruction, known) if name in known)
        asked = _Request(brain, observation, instruction, tuple(request.objects) or named, tuple(request.tasks))
        self._busy = True
        try:
            done: Future = Future()
            threading.Thread(target=self._look, args=(asked, done), name="grounding", daemon=True).start()
            result = await done
        finally:
            self._busy = False
        if isinstance(result, Exception):
            raise result
        message = _message(asked, result)
        self._publisher.publish(message)
        self._show(observation.stamp, _marks(result))
        return message

    def _look(self, asked: _Request, done: Future) -> None:
        """The grounding thread: hands a result, or what went wrong, to the executor's thread."""
        outcome: _Result | Exception
        try:
            if self._grounder is None or self._grounder[0] is not asked.brain:
                self._grounder = asked.brain, asked.brain.grounder()
            grounder, seen = self._grounder[1], asked.observation
            questions = grounder.questions(asked.tasks, asked.objects, asked.instruction)
            found = grounder.ground(seen, asked.instruction, questions)
            height, width = seen.images[grounder.camera].shape[:2]
            outcome = _Result(grounder.camera, (width, height), found)
        except REFUSALS as error:
            outcome = error
        except Exception as error:  # people's curiosity never ends the policy
            outcome = EngineError(f"grounding: {type(error).__name__}: {error}")
        executor = self._node.executor
        if executor is not None:
            executor.create_task(done.set_result, outcome)


def _message(asked: _Request, result: _Result) -> Grounding:
    message = Grounding(instruction=asked.instruction, width=result.size[0], height=result.size[1])
    message.header.stamp = to_stamp(asked.observation.stamp)
    message.header.frame_id = result.camera
    message.items = [
        GroundedItem(
            kind=KINDS[item.task],
            object=item.object,
            points=[Point32(x=float(x), y=float(y)) for x, y in item.points],
            confidence=item.confidence,
        )
        for item in result.found
    ]
    return message


def _marks(result: _Result) -> list[Mark]:
    return [Mark(result.camera, item.task, item.object, item.points) for item in result.found]
