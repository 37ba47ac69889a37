"""The one description of every stack: its arguments, nodes, parameters and remappings, as plain data.

`launch/sim.launch.py` turns it into launch actions; `inspire_bringup.run` turns it into processes on machines without
`ros2 launch`. Neither knows a node, a parameter or a topic that is not written here.

All topics are relative, so a namespace moves a whole stack; only `/clock`, which ROS reads by its absolute name, is
remapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from inspire_bringup.errors import BadInput
from inspire_bringup.paths import parameter_file
from inspire_policy.bundle import BundleError, find_bundle, read_manifest
from inspire_policy.scoring import DIRECTIONS, Scoring

Value = bool | int | float | str

MODES = ("lockstep", "realtime")
COMMANDERS = ("policy", "expert", "none")
WORLDS = ("tabletop", "libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


@dataclass(frozen=True, kw_only=True)
class StackArgument:
    """One argument of a stack, shown alike by `ros2 launch ... --show-args` and by the runner's --help.

    Attributes:
        name: lower case with underscores; the runner's option is `--name` with dashes.
        default: the value when it is not given; its type is the argument's type.
        description: one sentence, with the unit where there is one.
        choices: the allowed values, empty when free. low, high: the allowed range of a number, None when free.
    """

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def parse(self, text: Value) -> Value:
        """The value of a text, of the default's type. Raises BadInput with what was expected."""
        if self.choices and str(text) not in self.choices:
            raise BadInput(f"{self.name}: expected one of {', '.join(self.choices)}, found {text!r}")
        if isinstance(self.default, bool):
            if str(text).lower() not in ("true", "false"):
                raise BadInput(f"{self.name}: expected true or false, found {text!r}")
            return str(text).lower() == "true"
        try:
            value = type(self.default)(text)
        except ValueError:
            raise BadInput(f"{self.name}: expected {_article(type(self.default))}, found {text!r}") from None
        if self.low is not None and self.high is not None and not self.low <= float(value) <= self.high:
            raise BadInput(f"{self.name}: expected {self.low:.10g} to {self.high:.10g}, found {text}")
        return value


def _article(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "a text"}[kind]


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """One node as its own process.

    Attributes:
        package: the package that owns it. executable: the name of its console script.
        name: node name. namespace: absolute ("/left") or empty for the root.
        parameter_files: YAML files of parameters, read first. parameters: name -> value.
        remappings: (from, to) pairs.
        lifecycle: a lifecycle node; it brings itself to ACTIVE where its parameter `autostart` is true.
        required: the stack fails when it dies.
        stop_order: nodes of a lower number are stopped first, so that a commander's last word still reaches the gate.
    """

    package: str
    executable: str
    name: str
    namespace: str = ""
    parameter_files: tuple[str, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    lifecycle: bool = False
    required: bool = True
    stop_order: int = 0

    @property
    def enclave(self) -> str:
        """The SROS2 enclave of the node's kind (security/policy.xml); without ROS_SECURITY_ENABLE it has no effect."""
        return "/inspire/" + self.executable.removesuffix("_node")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A set of nodes that belong together.

    Attributes:
        name: name of the stack. namespace: of all its nodes. commander: "policy", "expert" or "none".
        nodes: what is started, in this order (all at once).
        environment: variables that its processes get whatever the user has set.
    """

    name: str
    namespace: str
    commander: str
    nodes: tuple[NodeSpec, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


AGREEMENT = StackArgument(
    name="agreement",
    default="off",
    choices=("off", "warn", "stop"),
    description="Whether a monitor compares the answers with what is measured; on persistent disagreement it warns, or "
    "also calls arm/stop.",
)

FOXGLOVE_PORT = StackArgument(
    name="foxglove_port",
    default=0,
    low=0,
    high=65535,
    description="Port on this machine on which the stack is shown to Foxglove, such as 8765 (needs the Python package "
    "foxglove-sdk); 0: it is not.",
)

SIM_ARGUMENTS: tuple[StackArgument, ...] = (
    StackArgument(name="world", default="tabletop", choices=WORLDS, description="The simulated world."),
    StackArgument(
        name="mode",
        default="lockstep",
        choices=MODES,
        description="lockstep: the world waits for every action, same seed, same episode; "
        "realtime: 20 Hz on the steady clock.",
    ),
    StackArgument(
        name="commander",
        default="policy",
        choices=COMMANDERS,
        description="Who drives: the policy of the bundle, the scripted expert with "
        "privileged state, or none (your own node).",
    ),
    StackArgument(
        name="bundle",
        default="tabletop",
        description="Name of a shipped bundle or path of a bundle's folder; read only where commander is policy.",
    ),
    StackArgument(
        name="namespace", default="", description="Namespace of all nodes and topics, such as left; empty for none."
    ),
    StackArgument(
        name="image_size",
        default=128,
        low=16,
        high=1024,
        description="Width and height of both camera images in pixels.",
    ),
    StackArgument(
        name="assets",
        default="",
        description="Folder with LIBERO's assets; empty: $INSPIRE_LIBERO_ASSETS, then the "
        "user's cache. Not used by tabletop.",
    ),
    StackArgument(
        name="lockstep_timeout",
        default=30.0,
        low=0.1,
        high=3600.0,
        description="Seconds without an answer after which an episode ends in lockstep.",
    ),
    StackArgument(
        name="added_latency",
        default=0.0,
        low=0.0,
        high=10.0,
        description="Seconds by which the policy's chunks come later than computed, for experiments.",
    ),
    StackArgument(
        name="language_every",
        default=1,
        low=1,
        high=100,
        description="Inferences per run of the policy's language model; above 1 only with an action expert.",
    ),
    StackArgument(
        name="ask_questions",
        default=True,
        description="Whether the policy is asked about the objects named; false: it acts without answers.",
    ),
    AGREEMENT,
    FOXGLOVE_PORT,
)


def sim_stack(
    *,
    world: str = "tabletop",
    mode: str = "lockstep",
    commander: str = "policy",
    bundle: str = "tabletop",
    namespace: str = "",
    image_size: int = 128,
    assets: str = "",
    lockstep_timeout: float = 30.0,
    added_latency: float = 0.0,
    language_every: int = 1,
    ask_questions: bool = True,
    agreement: str = "off",
    foxglove_port: int = 0,
) -> Stack:
    """The simulated arm: world, gate and commander.

    Args: as described by SIM_ARGUMENTS.

    Raises:
        BadInput: a value is not among its choices, or the bundle does not exist.
    """
    values: dict[str, Value] = {"world": world, "mode": mode, "commander": commander, "image_size": image_size}
    values.update(lockstep_timeout=lockstep_timeout, added_latency=added_latency, agreement=agreement)
    values["language_every"] = language_every
    for argument in SIM_ARGUMENTS:
        if argument.name in values:
            argument.parse(values[argument.name])
    namespace = absolute_namespace(namespace)
    node = partial(NodeSpec, namespace=namespace, remappings=clock_remapping(namespace))
    timing: dict[str, Value] = {"mode": mode, "use_sim_time": True}
    body: dict[str, Value] = {"world": world, "mode": mode, "image_size": image_size, "assets": assets}
    body["lockstep_timeout"] = lockstep_timeout
    nodes = [
        node(package="inspire_sim", executable="sim_node", name="sim", stop_order=2, parameters=body),
        node(
            package="inspire_arm",
            executable="arm_gate",
            name="arm_gate",
            stop_order=1,
            parameter_files=(str(parameter_file("sim")),),
            parameters=timing,
        ),
    ]
    if commander == "expert":
        nodes.append(node(package="inspire_sim", executable="expert_node", name="expert", parameters=timing))
    elif commander == "policy":
        brain: dict[str, Value] = {**timing, "bundle": bundle_folder(bundle), "body": world, "autostart": True}
        brain.update(added_latency=added_latency, language_every=language_every, ask_questions=ask_questions)
        nodes.append(
            node(package="inspire_policy", executable="policy_node", name="policy", lifecycle=True, parameters=brain)
        )
    nodes += agreement_monitor(agreement, namespace=namespace)
    nodes += live_view(foxglove_port, namespace=namespace)
    return Stack(name="sim", namespace=namespace, commander=commander, nodes=tuple(nodes))


def agreement_monitor(agreement: str, *, namespace: str) -> list[NodeSpec]:
    """The monitor of an argument AGREEMENT, if any; `namespace` is absolute or empty. The stack goes on without it."""
    if AGREEMENT.parse(agreement) == "off":
        return []
    return [
        NodeSpec(
            package="inspire_policy",
            executable="agreement_node",
            name="agreement",
            namespace=namespace,
            parameters={"on_disagreement": agreement},
            remappings=clock_remapping(namespace),
            required=False,
        )
    ]


def live_view(port: int, *, namespace: str, cameras: str = "agentview,wrist") -> list[NodeSpec]:
    """The server of an argument FOXGLOVE_PORT, if any; `namespace` is absolute or empty. The stack goes on without it.

    Args: cameras: names between commas.
    """
    if not FOXGLOVE_PORT.parse(port):
        return []
    return [
        NodeSpec(
            package="inspire_bringup",
            executable="foxglove_node",
            name="foxglove",
            namespace=namespace,
            parameters={"port": port, "cameras": cameras},
            remappings=clock_remapping(namespace),
            required=False,
            stop_order=2,
        )
    ]


def scoring_of(stack: Stack, bundle: str) -> Scoring:
    """What right answers of a stack's commander are: of a policy, those of its bundle's question mode."""
    if stack.commander != "policy":
        return DIRECTIONS
    manifest = read_manifest(find_bundle(bundle))
    return Scoring(manifest.question_mode, manifest.words.vocabulary)


def bundle_folder(name: str) -> str:
    """The folder of a bundle by name or path. Raises BadInput."""
    try:
        return str(find_bundle(name))
    except BundleError as error:
        raise BadInput(str(error)) from error


def recorder(stack: Stack, path: str) -> NodeSpec:
    """The node that records a stack's topics to an MCAP file; the stack runs on when it fails."""
    return NodeSpec(
        package="inspire_bringup",
        executable="recorder_node",
        name="recorder",
        namespace=stack.namespace,
        remappings=clock_remapping(stack.namespace),
        parameters={"path": path},
        required=False,
        stop_order=2,
    )


def absolute_namespace(namespace: str) -> str:
    """The namespace with one leading slash and no trailing one, empty for the root."""
    namespace = namespace.strip("/")
    if namespace and not all(part.isidentifier() for part in namespace.split("/")):
        raise BadInput(f"namespace: expected letters, digits and underscores such as left, found {namespace!r}")
    return f"/{namespace}" if namespace else ""


def clock_remapping(namespace: str) -> tuple[tuple[str, str], ...]:
    """ROS reads time from the absolute /clock; a stack in a namespace has its own."""
    return (("/clock", f"{namespace}/clock"),) if namespace else ()
