"""`inspire/ground` of a running policy_node: told and published, refused by name, never in the way of the actions."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import tiny_bundle
from body import PERIOD
from inspire_msgs.msg import CommanderStatus, GroundedItem, Grounding
from inspire_msgs.srv import Ground

from inspire_policy.ros.messages import stamp_ns
from inspire_policy.ros.qos import LATCHED

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth


@pytest.fixture(scope="module")
def grounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "grounding"
    return tiny_bundle.make_tiny_bundle(folder, codec="sampled", grounds=True)


def ask(body, client, **request) -> Ground.Response:
    return body.ask(client, Ground.Request(**request))


def ask_seeing(body, client, stamp: int, **request) -> Ground.Response:
    """The answer of a policy that has an observation: images may go to nobody at first."""
    answer = Ground.Response()

    def seen() -> bool:
        nonlocal answer
        body.observe(stamp)
        answer = ask(body, client, **request)
        return "found none yet" not in answer.message

    body.wait(seen, "observation")
    return answer


def test_grounding_on_demand_at_dual_rate(body, launch, grounding):
    heard: list[Grounding] = []
    body.node.create_subscription(Grounding, "inspire/grounding", heard.append, LATCHED)
    client = body.node.create_client(Ground, "inspire/ground")
    policy = launch(bundle=grounding, horizon=1, language_every=3)
    body.wait_state(CommanderStatus.READY)
    body.wait(client.service_is_ready, "service inspire/ground")
    refused = ask(body, client)
    assert not refused.success and "expected an observation, found none yet" in refused.message
    start = 10**12
    refused = ask_seeing(body, client, start, objects=["spoon"])
    assert not refused.success and "expected each object among" in refused.message and not heard
    body.say(tiny_bundle.INSTRUCTION)
    body.wait(lambda: body.actions, "action")
    actions = [body.step(start + i * PERIOD, seed=i) for i in range(1, 7)]
    answer = ask(body, client)
    assert answer.success, answer.message
    told = answer.grounding
    assert [(i.kind, i.object, len(i.points)) for i in told.items] == [
        (GroundedItem.BOX, "milk", 2), (GroundedItem.BOX, "bin", 2), (GroundedItem.POINT, "milk", 1),
        (GroundedItem.POINT, "bin", 1), (GroundedItem.TRACE, "", 10),
    ]  # fmt: skip
    assert told.header.frame_id == "agentview" and stamp_ns(told.header.stamp) == start + 6 * PERIOD
    assert told.instruction == tiny_bundle.INSTRUCTION
    assert all(0 <= p.x <= told.width and 0 <= p.y <= told.height for i in told.items for p in i.points)
    body.wait(lambda: heard and heard[-1] == told, "the same on inspire/grounding")
    again = body.step(start + 7 * PERIOD, seed=7)
    assert again.chunk_id == actions[-1].chunk_id + 1, "the actions went on"
    code, output = policy.finish(signal.SIGINT)
    assert code == 0 and "Traceback" not in output, output


def test_a_bundle_that_cannot_ground_says_so(body, launch):
    client = body.node.create_client(Ground, "inspire/ground")
    launch()
    body.wait_state(CommanderStatus.READY)
    body.wait(client.service_is_ready, "service inspire/ground")
    answer = ask_seeing(body, client, 10**12, objects=["milk"])
    assert not answer.success and "expected a bundle that was trained to ground" in answer.message
