"""A request is made again until somebody answers: its server may come later than the need for it."""

import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.services import StandingRequest


@pytest.fixture
def node():
    context = Context()
    rclpy.init(context=context, domain_id=free_domain_id())
    made = rclpy.create_node("asker", context=context)
    made.spinner = SingleThreadedExecutor(context=context)
    made.spinner.add_node(made)
    yield made
    made.spinner.shutdown()
    made.destroy_node()
    context.try_shutdown()


def spin(node, condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        node.spinner.spin_once(timeout_sec=0.02)


def test_a_server_that_comes_late_is_asked_and_after_its_answer_no_more(node):
    standing, requests = StandingRequest(node, Trigger, "stop", period=0.05, patience=60.0), []
    assert not standing.waiting
    standing.make(Trigger.Request())
    begin = time.monotonic()
    spin(node, lambda: time.monotonic() - begin > 0.2)
    assert standing.waiting

    def answer(request, response):
        requests.append(request)
        return response

    node.create_service(Trigger, "stop", answer)
    spin(node, lambda: not standing.waiting)
    assert requests


def test_a_server_that_never_comes_is_an_error_in_the_log(node, capfd):
    StandingRequest(node, Trigger, "stop", period=0.05, patience=0.3).make(Trigger.Request())
    written = ""

    def said():
        nonlocal written
        written += capfd.readouterr().err
        return "stop: expected an answer within 0.3 s, found none" in written

    spin(node, said)
