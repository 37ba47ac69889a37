"""Processes of nodes, with small executables installed the way colcon installs them."""

import os
import time

import pytest

from inspire_bringup.errors import BadInput, StackFailure
from inspire_bringup.processes import Processes, node_command, raise_on_required_exit
from inspire_bringup.stacks import NodeSpec


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(name, script) -> the spec of a node whose executable is that shell script."""
    folder = tmp_path / "prefix" / "lib" / "some_package"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))

    def make(name, script, **changes):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return NodeSpec(**{"package": "some_package", "executable": name, "name": name, **changes})

    return make


def started(tmp_path, *specs):
    return Processes(specs, environment=os.environ, log_folder=tmp_path / "logs")


def wait_for(condition, timeout=120.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_executable_of_colcon_is_found(install):
    spec = install("node_a", "exit 0")
    assert node_command(spec)[0].endswith("lib/some_package/node_a")


def test_an_executable_that_is_not_installed_is_said(install):
    spec = NodeSpec(package="some_package", executable="missing", name="missing")
    with pytest.raises(StackFailure, match="expected missing of some_package installed, found none"):
        node_command(spec)


def test_nothing_is_started_when_one_node_is_missing(install, tmp_path):
    spec = install("node_a", f"touch {tmp_path}/started; sleep 60")
    missing = NodeSpec(package="some_package", executable="missing", name="missing")
    with pytest.raises(StackFailure):
        started(tmp_path, spec, missing)
    assert not (tmp_path / "started").exists()


def test_a_dead_node_is_reported_once_with_its_last_lines(install, tmp_path):
    spec = install("node_a", "echo first; echo the end; exit 5")
    with started(tmp_path, spec) as processes:
        exits = []
        wait_for(lambda: exits.extend(processes.new_exits()) or exits)
        assert processes.new_exits() == []
    with pytest.raises(StackFailure, match=r"(?s)node node_a ended \(exit status 5\).*the end"):
        raise_on_required_exit(exits)


def test_a_refused_configuration_is_bad_input_in_the_nodes_own_words(install, tmp_path):
    spec = install("node_a", "echo 'error: world: expected x, found y' >&2; exit 2")
    with started(tmp_path, spec) as processes:
        exits = []
        wait_for(lambda: exits.extend(processes.new_exits()) or exits)
    with pytest.raises(BadInput, match="^node_a: world: expected x, found y$"):
        raise_on_required_exit(exits)


def test_a_node_that_is_not_required_may_end(install, tmp_path):
    spec = install("node_a", "exit 5", required=False)
    with started(tmp_path, spec) as processes:
        exits = []
        wait_for(lambda: exits.extend(processes.new_exits()) or exits)
    assert raise_on_required_exit(exits) == exits


def test_nodes_are_stopped_in_order(install, tmp_path):
    script = "trap 'echo {} >> {}; exit 0' TERM; touch {}; while :; do sleep 0.05; done"
    order = tmp_path / "order"
    specs = [
        install(n, script.format(n, order, tmp_path / n), stop_order=o)
        for n, o in (("late", 2), ("early", 0), ("mid", 1))
    ]
    with started(tmp_path, *specs):
        wait_for(lambda: all((tmp_path / spec.name).exists() for spec in specs))
    assert order.read_text().split() == ["early", "mid", "late"]


def test_what_does_not_stop_is_killed_with_its_children(install, tmp_path):
    script = f"trap '' TERM; sleep 300 & echo $! > {tmp_path}/child; wait; wait"
    processes = started(tmp_path, install("stubborn", script))
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
    child, pid = int((tmp_path / "child").read_text()), processes.pid("stubborn")
    assert processes.stop(patience=0.5) == ["stubborn"]
    wait_for(lambda: not alive(child) and not alive(pid))
