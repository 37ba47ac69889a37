"""How much an episode speaks for its own failure, by several monitors, up to any time in it.

`motion` is what a robot without depth has. `geometry` is what measured positions of objects add to it; in simulation
the truth stands for a perfect detector. `taken_back` counts how often "grasped" was said and taken back, and `duration`
is the plain clock: what a monitor must beat to be worth having, since the simulated failures are episodes that ran out
of time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from inspire_bringup.agreement_traces import Trace
from inspire_policy.agreement import AgreementMonitor, AgreementSettings
from inspire_policy.directions import GRASPED_AXIS

Timeline = list[tuple[float, float]]  # s at which it was known, score from then on


def evidence(trace: Trace, settings: AgreementSettings, *, measured: bool) -> Timeline:
    """The evidence of disagreement, s, with or without the measured positions of the objects."""
    monitor, found, waiting = AgreementMonitor(settings), [], 0
    for index, (at, position) in enumerate(zip(trace.times, trace.positions)):
        if measured:
            for name, places in trace.objects.items():
                monitor.put_object(_ns(at), name, np.array(places[index]))
        while waiting < len(trace.answers) and trace.answers[waiting][0] <= at:
            monitor.put_answers(_ns(trace.answers[waiting][0]), trace.answers[waiting][1])
            waiting += 1
        found += [(at, verdict.evidence) for verdict in monitor.put_pose(_ns(at), np.array(position))]
    return found


def taken_back(trace: Trace) -> Timeline:
    """How often an object that was said to be grasped was said not to be."""
    count, grasped, found = 0, set[str](), []
    for at, answers in trace.answers:
        for answer in answers:
            if answer.axis == GRASPED_AXIS:
                grasped.add(answer.object)
            elif answer.object in grasped:
                grasped.remove(answer.object)
                count += 1
        found.append((at, float(count)))
    return found


def duration(trace: Trace) -> Timeline:
    """The time since the beginning, s."""
    return [(at, at) for at in trace.times]


def monitors(settings: AgreementSettings) -> dict[str, Callable[[Trace], Timeline]]:
    """Every monitor by name."""
    return {
        "motion": lambda trace: evidence(trace, settings, measured=False),
        "geometry": lambda trace: evidence(trace, settings, measured=True),
        "taken_back": taken_back,
        "duration": duration,
    }


def score(timeline: Timeline, until: float = math.inf) -> float:
    """The highest score up to a time, s."""
    return max((value for at, value in timeline if at <= until), default=0.0)


def first_warning(timeline: Timeline, threshold: float) -> float | None:
    """When a threshold is reached first, s."""
    return next((at for at, value in timeline if value >= threshold), None)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
