"""The benchmark's arithmetic and verdicts, and its refusals; the measurement itself is `make bench`."""

import os
import time

import pytest

from inspire_bringup.benchmark import Timing, judged, main, table
from inspire_bringup.errors import BadInput
from inspire_bringup.round_trips import cpu_seconds


def measured(tick=(10.0, 20.0), shares=(1.0, 2.0), megabytes=200.0):
    timing = {"count": 5, "p5": 1.0, "p50": tick[0], "p95": tick[1], "p99": tick[1]}
    process = {"ms": {"tick": timing}, "passes": {"0": {"perception": 1, "decoder": 1}}}
    ros = {
        "ros_share_p50_ms": {"continued": shares[0], "inferred": shares[1]},
        "round_trip_ms": {"continued": timing},
        "policy_rss_mb": megabytes,
        "sent_again": 0,
    }
    return process, ros


def test_durations_are_summarised_in_milliseconds():
    assert Timing.of([i / 1000 for i in range(101)]) == Timing(101, 5.0, 50.0, 95.0, 99.0)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, set()),
        ({"tick": (25.0, 40.0), "shares": (3.0, 3.0), "megabytes": 500.0}, set()),
        ({"tick": (25.1, 39.0)}, {"tick p50 ms"}),
        ({"tick": (1.0, 40.1)}, {"tick p95 ms"}),
        ({"shares": (3.1, 1.0)}, {"ROS share p50 ms"}),
        ({"shares": (1.0, 3.1)}, {"ROS share p50 ms"}),
        ({"megabytes": 501.0}, {"policy process MB"}),
    ],
)
def test_a_limit_is_met_up_to_itself_and_the_greater_ros_share_counts(change, broken):
    process, ros = measured(**change)
    limits = judged(process, ros)
    assert {name for name, limit in limits.items() if not limit["met"]} == broken
    result = {"in_process": process, "through_ros": ros, "limits": limits, "load": 0.5, "cpus": 2}
    assert table(result).count("NOT MET") == len(broken)


def test_cpu_time_of_a_process_counts_work_and_not_sleep():
    before, own = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() - own < 0.05:
        pass
    worked = cpu_seconds(os.getpid())
    time.sleep(0.2)
    assert worked - before > 0.04
    assert cpu_seconds(os.getpid()) - worked < 0.1


def test_an_unknown_bundle_and_a_wrong_number_are_refused():
    with pytest.raises(BadInput, match="expected a folder or a name"):
        main(["--bundle", "no_such_bundle"])
    with pytest.raises(BadInput, match="expected 1 or more"):
        main(["--ticks", "0"])
