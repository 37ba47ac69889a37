"""What happens to the script's actions: each fault is made for a rig and changes, delays, repeats or drops them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from inspire_msgs.msg import EndEffectorAction

from inspire_bringup.faults.commander import Fault, faithful
from inspire_bringup.faults.rig import Rig
from inspire_policy.ros.messages import stamp_ns, to_stamp

MS = 1_000_000


def changed(make: Callable[[Rig], Fault]) -> Callable[[Rig], int]:
    """The script's actions are changed by what `make` returns."""

    def inject(rig: Rig) -> int:
        assert rig.commander is not None
        fault = make(rig)
        onset = time.monotonic_ns()
        rig.commander.fault = fault
        return onset

    return inject


def lost(rig: Rig) -> Fault:
    """No action any more."""
    return lambda action: ()


def delayed(seconds: float) -> Callable[[Rig], Fault]:
    """Each comes so much later."""
    return lambda rig: lambda action: ((seconds, action),)


def swapped(rig: Rig) -> Fault:
    """Of each two the second comes first."""
    kept: list[EndEffectorAction] = []

    def swap(action: EndEffectorAction) -> Iterable[tuple[float, EndEffectorAction]]:
        if not kept:
            kept.append(action)
            return ()
        return ((0.0, action), (0.005, kept.pop()))

    return swap


def repeated(rig: Rig) -> Fault:
    """Each three times."""
    return lambda action: ((0.0, action), (0.01, action), (0.02, action))


def flood(rig: Rig) -> Fault:
    """A thousand a second, each newer than the last."""
    assert rig.commander is not None
    make = rig.commander.action

    def many(action: EndEffectorAction) -> Iterable[tuple[float, EndEffectorAction]]:
        first = stamp_ns(action.header.stamp)
        for index in range(50):
            copy = make()
            copy.header.stamp = copy.observation_stamp = to_stamp(first + index * MS)
            yield index * 1e-3, copy

    return many


def altered(change: Callable[[EndEffectorAction, Rig], None]) -> Callable[[Rig], Fault]:
    """Each is changed in place."""

    def make(rig: Rig) -> Fault:
        def alter(action: EndEffectorAction) -> Iterable[tuple[float, EndEffectorAction]]:
            change(action, rig)
            return ((0.0, action),)

        return alter

    return make


def along(number: float) -> Callable[[Rig], Fault]:
    """The lead along y becomes a number."""

    def change(action: EndEffectorAction, rig: Rig) -> None:
        action.translation_lead.y = number

    return altered(change)


def named(**fields: str) -> Callable[[Rig], Fault]:
    """tool_frame or commander_id; `frame` is the header's."""

    def change(action: EndEffectorAction, rig: Rig) -> None:
        for name, value in fields.items():
            if name == "frame":
                action.header.frame_id = value
            else:
                setattr(action, name, value)

    return altered(change)


def stamped(seconds: float) -> Callable[[Rig], Fault]:
    """Stamps so far ahead."""

    def change(action: EndEffectorAction, rig: Rig) -> None:
        action.header.stamp = to_stamp(stamp_ns(action.header.stamp) + round(seconds * 1e9))

    return altered(change)


def one_observation(rig: Rig) -> Fault:
    """All are computed from one observation."""
    seen = to_stamp(rig.now())
    return altered(lambda action, _: setattr(action, "observation_stamp", seen))(rig)


def impostor(rig: Rig) -> Fault:
    """Between the actions come another's."""
    assert rig.commander is not None
    make = rig.commander.action

    def both(action: EndEffectorAction) -> Iterable[tuple[float, EndEffectorAction]]:
        return (*faithful(action), (0.02, make(name="impostor")))

    return both
