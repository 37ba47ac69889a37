"""The life of a node's process: its last word after a signal and after a failure, and its exit codes."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from inspire_policy.ros.domains import free_domain_id

PROGRAM = textwrap.dedent(
    """
    import sys
    from rclpy.node import Node
    from inspire_policy.ros.parameters import declare
    from inspire_policy.ros.process import run_node

    class Probe(Node):
        def __init__(self):
            super().__init__("probe")
            declare(self, "rate", 20.0, "Hz.", low=1.0, high=100.0)
            declare(self, "mode", "a", "Mode.", choices=("a", "b"))
            if declare(self, "fail", False, "Fail at once."):
                self.create_timer(0.01, self.fail)
            print("up", flush=True)

        def fail(self):
            raise RuntimeError("a bug")

        def on_stop(self):
            print("last word", flush=True)

    sys.exit(run_node(Probe))
    """
)


def start(*parameters):
    environment = os.environ | {
        "ROS_DOMAIN_ID": str(free_domain_id()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    arguments = [part for parameter in parameters for part in ("-p", parameter)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--ros-args", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_waiting_node_says_its_last_word_on_a_signal(number):
    process = start()
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "last word\n"), errors


def test_a_signal_that_comes_again_while_a_node_ends_does_not_kill_it():
    process = start()
    assert process.stdout.readline() == "up\n"
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "last word\n"), errors


def test_a_failing_node_says_its_last_word_and_exits_with_1():
    process = start("fail:=true")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (1, "up\nlast word\n")
    assert "a bug" in errors


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("rate:=5", "parameter rate: expected a decimal number (such as 1.0), from 1 to 100, found another type"),
        ("rate:=500.0", "parameter rate: expected a decimal number (such as 1.0), from 1 to 100"),
        ("mode:=c", "parameter mode: expected text, one of a, b, found 'c'"),
    ],
)
def test_a_wrong_parameter_is_a_sentence_and_exit_code_2(parameter, message):
    process = start(parameter)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (2, "")
    assert message in errors and "Traceback" not in errors
