"""The report on answers and failures: curves of known scores, traces of recordings, the command."""

import json

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import DirectionAnswer, DirectionAnswers
from rclpy.serialization import serialize_message

from inspire_bringup.agreement_report import main
from inspire_bringup.agreement_roc import area, curve
from inspire_bringup.agreement_scores import evidence, score, taken_back
from inspire_bringup.agreement_traces import Trace, of_recording, read_traces
from inspire_bringup.errors import BadInput
from inspire_bringup.recording import Recording
from inspire_policy.agreement import AgreementSettings, Answer
from inspire_policy.directions import REP103
from inspire_policy.recordings import OUTCOME, SUCCESS
from inspire_policy.ros.messages import to_pose_stamped, to_stamp


def episode(name: str, *, success: bool, speed: float, seconds: float = 6.0) -> Trace:
    """A hand that is told "left" and goes there at a speed, m/s; the milk is on the left."""
    times = [round(0.05 * step, 3) for step in range(round(seconds / 0.05))]
    return Trace(
        name=name,
        split="train",
        success=success,
        times=times,
        positions=[[0.5, speed * at, 0.3] for at in times],
        answers=[(at, [Answer("milk", "left", 2)]) for at in times[::4]],
        objects={"milk": [[0.5, 5.0, 0.3]] * len(times)},
    )


def test_the_area_is_the_chance_that_a_failure_scores_higher():
    rng = np.random.default_rng(0)
    bad, good = rng.normal(1.0, 1.0, 40), rng.normal(0.0, 1.0, 60)
    found = curve(bad, good)
    assert found.auc == pytest.approx(np.mean([[b > g for g in good] for b in bad]))
    assert found.low < found.auc < found.high
    # The area under the drawn points is the same.
    assert np.trapezoid([*found.true_rates, 1.0], [*found.false_rates, 1.0]) == pytest.approx(found.auc)
    assert area(np.ones(3), np.ones(4)) == 0.5
    with pytest.raises(ValueError, match="expected failed and successful episodes, found 0 and 2"):
        curve([], [1.0, 2.0])


def test_a_hand_that_contradicts_the_answers_scores_and_one_that_follows_does_not():
    settings = AgreementSettings()
    against, along = (episode("x", success=False, speed=speed) for speed in (-0.1, 0.1))
    assert score(evidence(against, settings, measured=False)) == pytest.approx(5.4, abs=0.3)
    assert score(evidence(against, settings, measured=False), until=2.0) < 2.0
    assert score(evidence(along, settings, measured=True)) == 0.0


def test_a_grasp_taken_back_is_counted_per_object():
    trace = episode("x", success=True, speed=0.1)
    said = [("milk", 0), ("milk", -3), ("milk", -3), ("bin", 0), ("milk", 0), ("milk", 2)]
    answers = [(float(i), [Answer(name, REP103.word(axis), axis)]) for i, (name, axis) in enumerate(said)]
    assert taken_back(Trace(**{**vars(trace), "answers": answers}))[-1] == (5.0, 2.0)


def test_a_recording_becomes_a_trace(tmp_path):
    path = tmp_path / "milk.mcap"
    recording = Recording(path)
    recording.add_topic("/inspire/answers", "inspire_msgs/msg/DirectionAnswers")
    recording.add_topic("/arm/state_pose", "geometry_msgs/msg/PoseStamped")
    for step in range(40):
        stamp = 10**9 + step * 50_000_000
        pose: PoseStamped = to_pose_stamped(
            np.array([0.5, -0.01 * step, 0.3]), np.array([1.0, 0, 0, 0]), stamp, REP103.frame
        )
        recording.write("/arm/state_pose", serialize_message(pose), received=stamp, stamp=stamp)
        if step % 4 == 0:
            answers = DirectionAnswers(
                instruction="milk", answers=[DirectionAnswer(object="milk", word="left", axis=2)]
            )
            answers.header.stamp = to_stamp(stamp)
            recording.write("/inspire/answers", serialize_message(answers), received=stamp, stamp=stamp)
    recording.add_metadata(OUTCOME, {"outcome": SUCCESS})
    recording.close()
    trace = of_recording(path)
    assert trace.success and len(trace.times) == 40 and len(trace.answers) == 10 and trace.objects == {}
    assert trace.seconds == pytest.approx(1.95) and trace.answers[1] == (
        pytest.approx(0.2),
        [Answer("milk", "left", 2)],
    )
    assert score(evidence(trace, AgreementSettings(), measured=True)) == pytest.approx(1.2, abs=0.21)
    assert [found.name for found in read_traces(tmp_path)] == ["milk"]


def test_the_command_writes_report_and_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib comes with `make setup-training`")
    traces = [episode(str(i), success=i % 3 > 0, speed=0.1 if i % 3 else -0.1) for i in range(9)]
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(trace.to_json() + "\n" for trace in traces))
    assert main([str(file), "--out", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out/report.json").read_text())
    assert content["episodes"] == {"failed": 3, "succeeded": 6}
    motion = content["monitors"]["motion"]
    assert motion["whole"]["auc"] == 1.0 and motion["warned"]["failed"]["warned"] == 3
    assert motion["warned"]["succeeded"]["warned"] == 0
    assert content["monitors"]["duration"]["whole"]["auc"] == 0.5  # all of one length
    assert (tmp_path / "out/roc.png").read_bytes().startswith(b"\x89PNG")
    assert "3 failed and 6 successful episodes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected recordings, traces or --episodes, found none"),
        ('{"name": 1}\n', "expected a line of JSON with the fields of Trace"),
        (episode("a", success=True, speed=0.1).to_json(), "found 0 and 1"),
    ],
)
def test_what_cannot_be_reported_is_refused(tmp_path, content, message):
    file = tmp_path / "traces.jsonl"
    file.write_text(content)
    with pytest.raises(BadInput, match=message):
        main([str(file), "--out", str(tmp_path / "out")])


def test_an_empty_folder_and_settings_that_mean_nothing_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"expected recordings \(\*.mcap\), found none"):
        main([str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(BadInput, match="expected persistence > 0"):
        main([str(tmp_path), "--persistence", "0", "--out", str(tmp_path / "out")])
