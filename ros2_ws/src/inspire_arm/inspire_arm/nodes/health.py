"""What `/diagnostics` says of the gate: state, rate of commands, ages of what it hears, every reason by name."""

from __future__ import annotations

from inspire_arm.states import Snapshot, State
from inspire_policy.ros.diagnostics import Level, Report
from inspire_policy.turns import Rate

_LEVELS = {State.HOLDING: Level.WARN, State.FAULT: Level.ERROR}
POSE, ACTION, DEADMAN = "pose", "action", "deadman"


class GateHealth:
    """Notes when things were heard and said; times are s of the steady clock."""

    def __init__(self, controller: str) -> None:
        """Args: controller: the kind of the arm's controller, to be told."""
        self._controller = controller
        self._commands = Rate()
        self._heard: dict[str, float | None] = {POSE: None, ACTION: None, DEADMAN: None}

    def hear(self, what: str, steady: float) -> None:
        """A message of POSE, ACTION or DEADMAN came, acceptable or not."""
        self._heard[what] = steady

    def say(self, steady: float) -> None:
        """A command was sent to the arm's controller."""
        self._commands.add(steady)

    def report(self, snapshot: Snapshot, steady: float) -> Report:
        """How the gate is doing at `steady`."""
        message = snapshot.state.name.lower()
        if snapshot.latched:
            message += ": " + "; ".join(f"{reason.name} ({reason.detail})" for reason in snapshot.latched)
        elif not snapshot.motion_enabled:
            message += ", motion disabled: commands are shown under arm/dry_run and not sent"
        ages = {
            f"{what}_age_ms": "none" if at is None else 1e3 * (steady - at) for what, at in sorted(self._heard.items())
        }
        return Report(
            level=_LEVELS.get(snapshot.state, Level.OK),
            message=message,
            values={
                "controller": self._controller,
                "motion_enabled": str(snapshot.motion_enabled).lower(),
                "lease": snapshot.holder or "none",
                "command_rate_hz": self._commands.hertz(steady),
                **ages,
                "clamped_actions": snapshot.clamps,
                **{reason.name: reason.count for reason in snapshot.counts},
            },
        )
