"""Parameters of the policy node."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from inspire_policy.engines.protocol import ENGINES
from inspire_policy.ros.parameters import declare

MODES = ("lockstep", "realtime")
OTHER_ASPECT = ("refuse", "centre")
LOCKSTEP_PATIENCE = 25.0  # s: a slow simulator is no fault; shorter than the world's own lockstep_timeout


@dataclass(frozen=True, kw_only=True)
class ExecutionParameters:
    """How chunks are executed: see execution.ChunkExecutor. `horizon` 0: as the bundle says."""

    lockstep: bool
    horizon: int
    blend: int
    catch_up: bool
    added_latency: float


@dataclass(frozen=True, kw_only=True)
class ObservingParameters:
    """What makes an observation. Tolerances in s, realtime only. `patience`: s without one that end an instruction.
    `centre`: of images of another aspect ratio the centre is taken.
    """

    lockstep: bool
    image_tolerance: float
    state_tolerance: float
    patience: float
    centre: bool


@dataclass(frozen=True, kw_only=True)
class PolicyParameters:
    """What the node was started with."""

    bundle: str
    body: str
    engine: str
    threads: int
    language_every: int
    ask_questions: bool
    autostart: bool
    inference_timeout: float
    execution: ExecutionParameters
    observing: ObservingParameters


def declare_parameters(node: Node) -> PolicyParameters:
    """Declare all parameters on `node`. Raises ConfigurationError on a wrong value."""
    lockstep = (
        declare(
            node,
            "mode",
            MODES[0],
            "Who sets the pace: lockstep (the world waits) or realtime.",
            choices=MODES,
        )
        == "lockstep"
    )
    return PolicyParameters(
        bundle=declare(
            node,
            "bundle",
            "tabletop",
            "Name of a shipped bundle, or path of a bundle's folder, that configure loads; inspire/load_bundle "
            "exchanges it.",
        ),
        body=declare(node, "body", "", "World or robot that the bundle must have been made for; empty: any."),
        engine=declare(node, "engine", ENGINES[0], "What runs the graphs.", choices=ENGINES),
        threads=declare(node, "threads", 1, "CPU threads of one inference.", low=1, high=64),
        language_every=declare(
            node,
            "language_every",
            1,
            "Inferences per run of the language model; above 1 only with an action expert, which then acts on the "
            "states kept and on new images. A new instruction always runs it.",
            low=1,
            high=100,
        ),
        ask_questions=declare(
            node,
            "ask_questions",
            True,
            "Ask about the objects named; false: act without answers (latent, with an action expert).",
        ),
        autostart=declare(
            node, "autostart", False, "Configure and activate at start: true in simulation, false on robots."
        ),
        inference_timeout=declare(
            node,
            "inference_timeout",
            2.0,
            "Seconds without the answer of the engine after which an instruction ends in realtime.",
            low=0.1,
            high=60.0,
        ),
        execution=_execution(node, lockstep),
        observing=_observing(node, lockstep),
    )


def _execution(node: Node, lockstep: bool) -> ExecutionParameters:
    return ExecutionParameters(
        lockstep=lockstep,
        horizon=declare(
            node,
            "horizon",
            0,
            "Actions executed of each chunk; 0: as the bundle says. The next chunk is asked for earlier where it would "
            "come too late.",
            low=0,
            high=255,
        ),
        blend=declare(
            node,
            "blend",
            2,
            "First actions of a chunk that are mixed with what the chunk before had for the same moments; 0: none. In "
            "lockstep only with added_latency.",
            low=0,
            high=255,
        ),
        catch_up=declare(
            node,
            "catch_up",
            True,
            "Make up for what the arm did instead of a chunk's first actions while it was computed. In lockstep only "
            "with added_latency.",
        ),
        added_latency=declare(
            node,
            "added_latency",
            0.0,
            "Seconds by which every chunk comes later than it was computed (experiments); in lockstep they count as "
            "control periods, rounded up.",
            low=0.0,
            high=10.0,
        ),
    )


def _observing(node: Node, lockstep: bool) -> ObservingParameters:
    patience = declare(
        node,
        "observation_timeout",
        0.35,
        "Seconds without a complete observation after which an instruction ends in realtime; less than the gate's "
        "silence_fault, so that what is missing is named before the silence that follows from it.",
        low=0.1,
        high=60.0,
    )
    return ObservingParameters(
        lockstep=lockstep,
        image_tolerance=declare(
            node,
            "image_tolerance",
            0.02,
            "Seconds that the images of one observation may lie apart in realtime; about half a camera's period.",
            low=0.0,
            high=1.0,
        ),
        state_tolerance=declare(
            node,
            "state_tolerance",
            0.04,
            "Seconds that pose and gripper may lie apart from the images in realtime; less than a control period.",
            low=0.0,
            high=1.0,
        ),
        patience=LOCKSTEP_PATIENCE if lockstep else patience,
        centre=declare(
            node,
            "other_aspect",
            OTHER_ASPECT[0],
            "Images of another aspect ratio than the model's: refuse them, or take their centre (a 640x480 camera, a "
            "square model). It sees less of the table then: train with what it will see.",
            choices=OTHER_ASPECT,
        )
        == "centre",
    )
