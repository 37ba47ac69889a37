"""One line of the doctor's report."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was looked for. found: whether it is there and enough. detail: what is there, or what was expected.
        mend: what to do; empty where it was found. required: without it the demo cannot run.
    """

    name: str
    found: bool
    detail: str
    mend: str = ""
    required: bool = False

    def line(self) -> str:
        """One line for people, two where something is to be mended."""
        sign = "found" if self.found else "MISSING" if self.required else "missing"
        optional = "" if self.found or self.required else " (optional)"
        mend = f"\n{'':<27}mend: {self.mend}" if self.mend else ""
        return f"{sign:<9}{self.name:<18}{self.detail}{optional}{mend}"


def demo_can_run(findings: Sequence[Finding]) -> bool:
    """Whether everything that the demo needs was found."""
    return all(finding.found for finding in findings if finding.required)


@dataclass(frozen=True)
class Answer:
    """How a question to another program went: whether it answered in time with status 0, and what it said; `late`: it
    was ended before it had answered.
    """

    ok: bool
    text: str
    late: bool = False


def ask(command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a program and take its standard output, or else the last line of its complaints. Never raises: libraries that
    crash when imported are asked in a process of their own.

    Args:
        timeout: s, after which it is ended.
    """
    try:
        done = subprocess.run(
            list(command), capture_output=True, text=True, timeout=timeout, env=environment, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return Answer(False, f"no program {command[0]}")
    except OSError as error:
        return Answer(False, f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(False, f"no answer within {timeout:g} s", late=True)
    if done.returncode == 0:
        return Answer(True, done.stdout.strip())
    said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
    return Answer(False, said[-1])
