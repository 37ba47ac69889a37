"""What `/diagnostics` says of the policy."""

from __future__ import annotations

from inspire_msgs.msg import CommanderStatus

from inspire_policy.brain import Brain
from inspire_policy.execution import ChunkExecutor
from inspire_policy.nodes.observer import Observer
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.diagnostics import Level, Report

SLOW = 0.8  # share of the control rate below which actions come too seldom

_STATES = {
    CommanderStatus.INACTIVE: "inactive",
    CommanderStatus.READY: "ready",
    CommanderStatus.ACTING: "acting",
    CommanderStatus.REFUSED: "refused",
    CommanderStatus.ERROR: "error",
}
_LEVELS = {CommanderStatus.REFUSED: Level.WARN, CommanderStatus.ERROR: Level.ERROR}


def policy_report(
    commander: Commander,
    brain: Brain,
    execution: ChunkExecutor,
    observer: Observer,
    *,
    passes: float,
    lockstep: bool,
    now: int,
    steady: float,
) -> Report:
    """How the configured policy is doing.

    Args:
        passes: decoder passes of an inference, the mean.
        lockstep: the world sets the pace, so that no rate is too slow. now: ROS time, ns. steady: monotonic s.
    """
    state, reason = commander.state
    level, message = _LEVELS.get(state, Level.OK), _STATES[state]
    if reason:
        message += f": {reason}"
    rate = commander.rate.hertz(steady)
    wanted = brain.bundle.manifest.contract.control_rate_hz
    if commander.acting and not lockstep and commander.rate.full and rate < SLOW * wanted:
        level, message = Level.WARN, f"{message}: expected {wanted:g} actions a second, found {rate:.1f}"
    image = observer.newest_image
    return Report(
        level=level,
        message=message,
        values={
            "bundle": brain.bundle.manifest.name,
            "engine": brain.engine,
            "engine_refused": "; ".join(brain.refused) or "none",
            "instruction": commander.instruction,
            "action_rate_hz": rate,
            "latency_p50_ms": 1e3 * commander.latencies.percentile(50),
            "latency_p95_ms": 1e3 * commander.latencies.percentile(95),
            "newest_image_age_ms": "none" if image is None else (now - image) / 1e6,
            "inferences": commander.ticks,
            "decoder_passes_mean": passes,
            "chunk_underrun": execution.underruns,
            "observation_gap": execution.gaps,
            **dict(sorted(observer.counts.items())),
        },
    )
