"""inspire/load_bundle of a policy_node process over real DDS: exchanged while it acts, refused where it does not fit;
and what /diagnostics says of it.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_bundle
from body import PERIOD, Body
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from inspire_msgs.msg import CommanderStatus
from inspire_msgs.srv import LoadBundle

from inspire_policy.bundle import MANIFEST
from inspire_policy.ros.messages import stamp_ns
from inspire_policy.ros.qos import STATE

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth
BALLAST = 1 << 27  # bytes whose checksum takes a while: the exchange must not wait for it


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> Path:
    """A folder with the bundles "other" (chunks of bins, much to load) and "damaged"."""
    folder = tmp_path_factory.mktemp("exchange")
    made = tiny_bundle.make_tiny_bundle(folder / "other", codec="bins", extra={"ballast.bin": bytes(BALLAST)})
    rename(made, "other")
    tiny_bundle.make_tiny_bundle(folder / "damaged")
    (folder / "damaged" / "decoder.onnx").write_bytes(b"short")
    return folder


def rename(bundle: Path, name: str, **changes: object) -> None:
    """Change the manifest of a bundle."""
    place = bundle / MANIFEST
    place.write_text(json.dumps({**json.loads(place.read_text()), "name": name, **changes}))


class Loader:
    """Asks for another bundle; what may be asked again is, as an answer may be lost before both know each other."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._client = body.node.create_client(LoadBundle, "inspire/load_bundle")
        body.wait(self._client.service_is_ready, "service inspire/load_bundle")

    def __call__(
        self, bundle: Path | str, *, again: bool = True, meanwhile: Callable[[], object] = lambda: None
    ) -> LoadBundle.Response:
        asked, since = self._client.call_async(LoadBundle.Request(bundle=str(bundle))), time.monotonic()
        while not asked.done():
            meanwhile()
            assert time.monotonic() < since + 120, "no answer"
            if again and time.monotonic() > since + 3:
                asked, since = self._client.call_async(LoadBundle.Request(bundle=str(bundle))), time.monotonic()
            time.sleep(0.002)
        return asked.result()


def test_a_bundle_is_exchanged_between_two_ticks_with_no_period_missed(body, launch, bundles):
    reports: list[DiagnosticStatus] = []
    body.node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: reports.extend(m.status), STATE)
    launch()
    load = Loader(body)
    body.wait_state(CommanderStatus.READY)
    assert "expected a folder" in load(bundles / "nowhere").message or "found" in load("nowhere").message
    body.say(tiny_bundle.INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    start = 10**12
    stamps = itertools.count(start, PERIOD)
    for _ in range(6):
        body.step(next(stamps))
    body.wait(
        lambda: reports and value("bundle", reports[-1]) == "tiny" and value("inferences", reports[-1]) == "2",
        "two ticks",
    )
    # Two questions: three passes at first, then one, as the last answers hold.
    assert float(value("decoder_passes_mean", reports[-1])) == 2.0
    for _ in range(5):  # a machine that paused meanwhile shows nothing
        before = len(body.actions)
        answer = load(bundles / "other", again=False, meanwhile=lambda: body.step(next(stamps)))
        assert answer.success and answer.message == "bundle other is in use: 0 parity samples agree"
        during = len(body.actions) - before
        if during >= 2:
            break
    assert during >= 2, "the policy waited for the bundle"
    for _ in range(9):
        last = body.step(next(stamps))
    answered = [stamp_ns(action.header.stamp) for action in body.actions]
    assert answered == list(range(start, stamp_ns(last.header.stamp) + 1, PERIOD)), "one action for every period"
    assert [a.index for a in body.actions] == [i % 4 for i in range(len(body.actions))], "the plan was not restarted"
    assert {a.chunk_id for a in body.actions} == set(range(1, last.chunk_id + 1))
    assert body.releases == 0
    # In lockstep what a bundle does is decided by what it sees: the new one does otherwise.
    body.wait(lambda: value("bundle", reports[-1]) == "other", "diagnostics of the new bundle")
    assert reports[-1].name == "policy" and reports[-1].message == "acting"
    assert reports[-1].level == DiagnosticStatus.OK
    assert int(value("inferences", reports[-1])) >= 4 and int(value("chunk_underrun", reports[-1])) == 0
    assert float(value("latency_p95_ms", reports[-1])) >= float(value("latency_p50_ms", reports[-1])) > 0
    assert float(value("action_rate_hz", reports[-1])) > 0


def value(key: str, status: DiagnosticStatus) -> str:
    return next((pair.value for pair in status.values if pair.key == key), "")


def test_bundles_that_do_not_fit_are_refused_and_the_old_one_goes_on(body, launch, tiny, bundles, tmp_path):
    launch()
    load = Loader(body)
    body.wait_state(CommanderStatus.READY)
    body.say("pick up the bread and place it in the bin")
    body.wait_state(CommanderStatus.ACTING)
    stamps = itertools.count(10**12, PERIOD)
    contract = json.loads((tiny / MANIFEST).read_text())["contract"]
    changes = {
        "slower": ({"contract": {**contract, "control_rate_hz": 10.0}}, "expected control_rate_hz 20.0, found 10.0"),
        "elsewhere": ({"bodies": ["libero_object"]}, "expected a body among tabletop, found libero_object"),
        "blind": ({"known_objects": ["milk", "bin"]}, "found 'bread'"),
    }
    for name, (change, message) in changes.items():
        folder = shutil.copytree(tiny, tmp_path / name)
        rename(folder, name, **change)
        answer = load(folder, meanwhile=lambda: body.step(next(stamps)))
        assert not answer.success and message in answer.message, answer.message
    answer = load(bundles / "damaged")
    assert not answer.success and "truncated or changed" in answer.message
    indices = [action.index for action in body.actions]
    assert indices == [i % 4 for i in range(len(indices))] and body.step(next(stamps)).index == len(indices) % 4


def test_a_policy_without_a_bundle_refuses(body, launch, tiny):
    launch(autostart=False)
    answer = Loader(body)(tiny)
    assert not answer.success and "expected a configured policy, found none" in answer.message
