"""Stand-ins for real arm controllers with their published semantics, for tests and for dry runs without an arm.

They are no simulation of an arm: a tool pose that follows what it is told, with the time-outs, frames and refusals that
decide what happens when something goes wrong.
"""

from __future__ import annotations

from inspire_arm.fakes.body import Body
from inspire_arm.fakes.crisp import FakeCrisp
from inspire_arm.fakes.fzi import FakeFzi
from inspire_arm.fakes.servo import FakeServo

SERVO, FZI, CRISP = "servo", "fzi", "crisp"
FAKES = (SERVO, FZI, CRISP)


def make_fake(kind: str, body: Body, *, base_frame: str, tool_frame: str) -> FakeServo | FakeFzi | FakeCrisp:
    """The stand-in of a kind. Raises ValueError on an unknown one."""
    if kind == SERVO:
        return FakeServo(body, planning_frame=base_frame, tool_frame=tool_frame)
    if kind == FZI:
        return FakeFzi(body, base_frame=base_frame)
    if kind == CRISP:
        return FakeCrisp(body, base_frame=base_frame)
    raise ValueError(f"fake arm: expected one of {', '.join(FAKES)}, found {kind!r}")
