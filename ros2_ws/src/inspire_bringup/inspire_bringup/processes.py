"""Nodes as processes: start all at once, one log file each, watch them, stop them in order, leave nothing behind.

Every node gets a process group of its own, so that Ctrl-C reaches the runner alone and the commander can still say
hold before gate and world go. Should the runner itself be killed, the kernel sends SIGTERM to its nodes.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from inspire_bringup.errors import BadInput, ExitCode, StackFailure
from inspire_bringup.stacks import NodeSpec, Value

_PR_SET_PDEATHSIG = 1


def node_command(spec: NodeSpec) -> list[str]:
    """The command line of a node: its module in this Python, or the executable that colcon installed.

    Raises:
        StackFailure: neither is installed.
    """
    for entry in metadata.entry_points(group="console_scripts", name=spec.executable):
        if entry.module.partition(".")[0] == spec.package:
            return [sys.executable, "-m", entry.module, *ros_arguments(spec)]
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        executable = Path(prefix) / "lib" / spec.package / spec.executable
        if prefix and os.access(executable, os.X_OK):
            return [str(executable), *ros_arguments(spec)]
    raise StackFailure(
        f"expected {spec.executable} of {spec.package} installed, found none; run `make setup`, or build with colcon"
    )


def ros_arguments(spec: NodeSpec) -> list[str]:
    """Name, namespace, enclave, remappings and parameters of a node as ROS arguments."""
    arguments = ["--ros-args", "--enclave", spec.enclave, "-r", f"__node:={spec.name}"]
    if spec.namespace:
        arguments += ["-r", f"__ns:={spec.namespace}"]
    for source, target in spec.remappings:
        arguments += ["-r", f"{source}:={target}"]
    for path in spec.parameter_files:
        arguments += ["--params-file", path]
    for name, value in spec.parameters.items():
        arguments += ["-p", f"{name}:={_yaml(value)}"]
    return arguments


def _yaml(value: Value) -> str:
    """A value as YAML; texts are quoted, so that "3" stays a text."""
    return json.dumps(value)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Exit:
    """A node that ended: its spec, its exit status and the end of its log."""

    spec: NodeSpec
    status: int
    log: Path

    def complaint(self) -> str:
        """The node's own last error message, else the last line of its log."""
        lines = log_tail(self.log, 200)
        errors = [line.split("error: ", 1)[1] for line in lines if "error: " in line]
        return (errors or lines or ["no message"])[-1]

    def describe(self, lines: int = 15) -> str:
        """What happened, with the last log lines."""
        how = f"killed by {signal.Signals(-self.status).name}" if self.status < 0 else f"exit status {self.status}"
        tail = "\n".join(f"    {line}" for line in log_tail(self.log, lines))
        return f"node {self.spec.name} ended ({how}); the end of {self.log}:\n{tail or '    (empty)'}"


def log_tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log file, empty when there is none."""
    try:
        return path.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


class Processes:
    """The running processes of some nodes. Use as a context manager: leaving it stops them all."""

    def __init__(self, specs: Sequence[NodeSpec], *, environment: Mapping[str, str], log_folder: Path) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self._log_folder = log_folder
        self._running: dict[str, tuple[NodeSpec, subprocess.Popen[bytes]]] = {}
        self._reported: set[str] = set()
        commands = [(spec, node_command(spec)) for spec in specs]  # all are resolved before any is started
        try:
            for spec, command in commands:
                with open(self.log(spec), "wb") as log:
                    process = subprocess.Popen(
                        command,
                        env=dict(environment),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        preexec_fn=_die_with_parent,
                    )
                self._running[spec.name] = (spec, process)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self, spec: NodeSpec) -> Path:
        """The log file of a node."""
        return self._log_folder / f"{spec.name}.log"

    def pid(self, name: str) -> int:
        """Process id of a node."""
        return self._running[name][1].pid

    def new_exits(self) -> list[Exit]:
        """Nodes that ended since the last call, without having been told to."""
        exits = []
        for name, (spec, process) in self._running.items():
            status = process.poll()
            if status is not None and name not in self._reported:
                self._reported.add(name)
                exits.append(Exit(spec, status, self.log(spec)))
        return exits

    def stop(self, *, patience: float = 15.0) -> list[str]:
        """SIGTERM in stop order, each waited for up to `patience` seconds, then SIGKILL to what is left of each group.

        Returns:
            names of the nodes that had to be killed.
        """
        killed = []
        for order in sorted({spec.stop_order for spec, _ in self._running.values()}):
            group = [(spec, process) for spec, process in self._running.values() if spec.stop_order == order]
            for _, process in group:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + patience
            for spec, process in group:
                try:
                    process.wait(max(0.01, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    killed.append(spec.name)
                _kill_group(process.pid)
                process.wait()
        return killed


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nothing left
        os.killpg(group, signal.SIGKILL)


def raise_on_required_exit(exits: Iterable[Exit]) -> list[Exit]:
    """The exits of nodes that the stack can do without.

    Raises:
        BadInput: a required node refused its configuration (status 2), with its own words.
        StackFailure: a required node ended otherwise.
    """
    optional = []
    for exit_ in exits:
        if not exit_.spec.required:
            optional.append(exit_)
        elif exit_.status == ExitCode.BAD_INPUT:
            raise BadInput(f"{exit_.spec.name}: {exit_.complaint()}")
        else:
            raise StackFailure(exit_.describe())
    return optional
