"""policy_node as a process over real DDS, with a tiny bundle: lifecycle, instructions, lockstep, real time, bad input,
signals.
"""

from __future__ import annotations

import itertools
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import tiny_bundle
from body import PERIOD
from inspire_msgs.msg import CommanderStatus, DirectionAnswer, DirectionAnswers, EndEffectorAction
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import Image

from inspire_policy.ros.messages import stamp_ns, to_rgb_image
from inspire_policy.ros.qos import COMMAND, IMAGE

INSTRUCTION = tiny_bundle.INSTRUCTION
pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth


def test_lockstep_gives_exactly_one_action_per_observation_and_stops_when_told(body, launch):
    body.node.create_subscription(Image, "inspire/overlay", body.overlays.append, IMAGE)
    policy = launch()
    body.wait_state(CommanderStatus.READY)
    start = 10**12
    body.show(start)
    assert not body.actions, "acted without an instruction"
    body.say(INSTRUCTION)
    body.wait(lambda: body.actions, "action for the observation that came before the instruction")
    actions = [body.step(start + i * PERIOD) for i in range(7)]
    assert len(body.actions) == 7 and body.holder == "policy"
    assert [action.index for action in actions] == [0, 1, 2, 3, 0, 1, 2]
    assert [stamp_ns(a.observation_stamp) - start for a in actions] == [0] * 4 + [4 * PERIOD] * 3
    assert [action.chunk_id for action in actions] == [1] * 4 + [2] * 3
    assert actions[0].header.frame_id == "panda_link0" and actions[0].tool_frame == "panda_grip_site"
    body.wait(lambda: len(body.chunks) == 2 and len(body.answers) == 2, "two chunks and answers")
    chunk, answers = body.chunks[1], body.answers[1]
    assert len(chunk.actions) == 8 and chunk.actions[1] == actions[5]
    assert [a.object for a in answers.answers] == ["milk", "bin"] and stamp_ns(
        answers.header.stamp
    ) == start + 4 * PERIOD
    assert all(sum(a.probabilities) == pytest.approx(1.0, abs=1e-5) for a in answers.answers)
    assert all(a.word == answers.words[int(np.argmax(a.probabilities))] for a in answers.answers)
    body.repeat(start + 6 * PERIOD)
    assert body.actions == actions, "a repeated observation gets the very same answer"
    after_reset = body.step(start + 6 * PERIOD + 10**9)
    assert after_reset.index == 0 and after_reset.chunk_id == 3
    status = body.wait_state(CommanderStatus.ACTING)
    assert status.instruction == INSTRUCTION
    deadline = time.monotonic() + 120
    while not body.overlays:  # best effort: the first ones go to nobody while the reader is being discovered
        assert time.monotonic() < deadline, "no overlay within 120 s"
        after_reset = body.step(stamp_ns(after_reset.header.stamp) + PERIOD)
    body.say("")
    body.wait_state(CommanderStatus.READY)
    body.wait(lambda: body.holder == "", "release")
    count = len(body.actions)
    body.observe(start + 10**10)
    time.sleep(0.3)
    assert len(body.actions) == count
    code, output = policy.finish(signal.SIGINT)
    assert code == 0 and "Traceback" not in output, output


def apart(one: EndEffectorAction, other: EndEffectorAction) -> float:
    """Metres between two leads; a verified draft of the answers rounds otherwise than answers decoded one by one."""
    a, b = one.translation_lead, other.translation_lead
    return math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))


def test_an_operators_answer_is_acted_on_until_it_is_cleared(body, launch):
    override = body.node.create_publisher(DirectionAnswers, "inspire/override", COMMAND)
    launch(horizon=1)
    body.wait_state(CommanderStatus.READY)
    body.wait(override.get_subscription_count, "listener on inspire/override")
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    stamps = itertools.count(10**12, PERIOD)

    def answered(wanted: Callable[[DirectionAnswer], bool]) -> EndEffectorAction:
        """Step until the answer about the milk is as wanted; the observation is always the same."""
        for _ in range(40):
            action = body.step(next(stamps), seed=5)
            milk = next((a.answers[0] for a in body.answers if a.header.stamp == action.observation_stamp), None)
            if milk is not None and wanted(milk):
                return action
        raise AssertionError(f"no such answer: {body.answers[-1]}")

    own = answered(lambda milk: milk.source == DirectionAnswer.MODEL)
    word = body.answers[-1].answers[0].word
    other = next(w for w in body.answers[-1].words if w not in (word, "grasped"))
    override.publish(DirectionAnswers(answers=[DirectionAnswer(object="spoon", word=other)]))
    override.publish(DirectionAnswers(answers=[DirectionAnswer(object="milk", word="sideways")]))
    for _ in range(3):
        assert apart(body.step(next(stamps), seed=5), own) < 1e-6, "wrong ones change nothing"
    override.publish(DirectionAnswers(answers=[DirectionAnswer(object="milk", word=other)]))
    forced = answered(lambda milk: milk.source == DirectionAnswer.OVERRIDE and milk.word == other)
    assert apart(forced, own) > 1e-4
    override.publish(DirectionAnswers())
    assert apart(answered(lambda milk: milk.source == DirectionAnswer.MODEL), own) < 1e-6
    override.publish(DirectionAnswers(answers=[DirectionAnswer(object="milk", word=other)]))
    answered(lambda milk: milk.source == DirectionAnswer.OVERRIDE)
    body.say("")
    body.wait_state(CommanderStatus.READY)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    answered(lambda milk: milk.source == DirectionAnswer.MODEL and milk.word == word)


def test_inactive_node_refuses_and_the_lifecycle_works(body, launch):
    launch(autostart=False)
    body.wait_state(CommanderStatus.INACTIVE)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.INACTIVE, "expected an active node, found an inactive one; activate it first")
    change = body.node.create_client(ChangeState, "policy/change_state")

    def go(transition: int) -> bool:
        future = change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        body.wait(future.done, "answer to a transition")
        return future.result().success

    body.wait(change.service_is_ready, "lifecycle service")
    # Once an answer to a client made later has come, none to a transition, which is asked for once, can be lost.
    assert body.ask(body.node.create_client(GetState, "policy/get_state"), GetState.Request())
    assert go(Transition.TRANSITION_CONFIGURE) and go(Transition.TRANSITION_ACTIVATE)
    body.wait_state(CommanderStatus.READY)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    assert body.step(10**12).index == 0
    assert go(Transition.TRANSITION_DEACTIVATE)
    body.wait_state(CommanderStatus.INACTIVE)
    body.wait(lambda: body.holder == "", "release")
    assert (
        go(Transition.TRANSITION_CLEANUP) and go(Transition.TRANSITION_CONFIGURE) and go(Transition.TRANSITION_ACTIVATE)
    )
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    assert body.step(2 * 10**12).chunk_id == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "pick up the purple dinosaur and place it in the bin",
            "expected objects among milk, cereal, bread, bin; found 'purple dinosaur'",
        ),
        ("x" * 10_000, "at most 256 characters, found 10000"),
        ("sing", "expected it to name an object, found none"),
    ],
)
def test_instructions_that_cannot_be_followed_are_refused(body, launch, text, reason):
    launch()
    body.wait_state(CommanderStatus.READY)
    body.say(text)
    body.wait_state(CommanderStatus.REFUSED, reason)
    body.observe(10**12)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    assert body.step(10**12).index == 0 and body.releases == 0


def wrong_encoding() -> Image:
    message = to_rgb_image(np.zeros((32, 32, 3), np.uint8), 10**12 + PERIOD, "wrist")
    message.encoding = "mono8"
    return message


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"position": np.array([np.nan, 0.0, 0.3])}, "bad_pose: expected finite numbers"),
        ({"image": wrong_encoding()}, "bad_image: image: expected encoding rgb8 or bgr8, found 'mono8'"),
        (
            {"image": to_rgb_image(np.zeros((24, 32, 3), np.uint8), 10**12 + PERIOD, "wrist")},
            "bad_image: wrist: image: expected at least 16x16",
        ),
    ],
)
def test_unusable_observations_end_the_instruction_and_give_the_lease_back(body, launch, wrong, reason):
    launch()
    body.wait_state(CommanderStatus.READY)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    body.step(10**12)
    body.observe(10**12 + PERIOD, **wrong)
    body.wait_state(CommanderStatus.ERROR, reason)
    body.wait(lambda: body.holder == "", "release")
    count = len(body.actions)
    body.observe(10**12 + 2 * PERIOD)
    time.sleep(0.3)
    assert len(body.actions) == count


def test_realtime_acts_every_period_and_a_camera_that_stops_is_named(body, launch):
    # Longer than this machine ever pauses: only the camera shall be late.
    launch(mode="realtime", horizon=2, observation_timeout=5.0, inference_timeout=60.0)
    body.wait_state(CommanderStatus.READY)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    stamps = itertools.count(10**12, PERIOD)

    def see(skip: str = "") -> None:
        body.observe(next(stamps), skip=skip)
        time.sleep(0.05)

    body.wait(
        lambda: see() or (len(body.actions) >= 20 and len({action.chunk_id for action in body.actions}) >= 3),
        "twenty actions of three chunks",
    )
    answered = [stamp_ns(action.header.stamp) for action in body.actions]
    assert len(set(answered)) == len(answered) and sorted(answered) == answered
    body.wait(lambda: see(skip="wrist") or body.statuses[-1].state != CommanderStatus.ACTING, "end without a camera")
    reason = body.statuses[-1].reason
    assert "observation_timeout" in reason and "found nothing new from wrist" in reason
    body.wait(lambda: body.holder == "", "release")


def test_sigterm_gives_the_lease_back(body, launch):
    policy = launch()
    body.wait_state(CommanderStatus.READY)
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    body.step(10**12)
    code, output = policy.finish()
    assert code == 0 and "Traceback" not in output, output
    assert body.holder == "" and body.releases == 1


def test_wrong_bundles_and_parameters_end_with_code_2_and_a_sentence(launch, tiny, tmp_path):
    damaged = shutil.copytree(tiny, tmp_path / "damaged")
    (damaged / "decoder.onnx").write_bytes(b"short")
    cases = [
        ({"bundle": "no_such_bundle"}, "found 'no_such_bundle'"),
        ({"bundle": damaged}, "truncated or changed"),
        ({"body": "libero_object"}, "expected a body among tabletop, found 'libero_object'"),
        ({"horizon": 9}, "expected 1 to 8 steps"),
        ({"mode": "sometimes"}, "parameter mode: expected text, one of lockstep, realtime"),
    ]
    for process, (_, message) in [(launch(**dict(parameters)), (parameters, message)) for parameters, message in cases]:
        code, output = process.wait()
        assert code == 2 and message in output and "Traceback" not in output, output


def test_importing_the_node_imports_neither_torch_nor_an_engine():
    code = (
        "import sys, inspire_policy.nodes.policy_node, inspire_policy.brain; "
        "print([m for m in ('torch', 'onnxruntime', 'mujoco', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == "[]", done.stdout + done.stderr
