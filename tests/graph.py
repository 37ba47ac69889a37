"""What a running node really offers and uses, read from the ROS graph, in the words of an SROS2 policy."""

from dataclasses import dataclass, field

from rclpy.node import Node

ABSOLUTE = ("/clock", "/diagnostics", "/parameter_events", "/rosout")
ACTION_PARTS = ("send_goal", "get_result", "cancel_goal", "feedback", "status")
RULES = ("publish", "subscribe", "reply", "request", "execute", "call")


@dataclass
class Rights:
    """Names by rule, relative to a namespace where they lie in it."""

    names: dict[str, set[str]] = field(default_factory=lambda: {rule: set() for rule in RULES})

    def __or__(self, other: "Rights") -> "Rights":
        return Rights({rule: self.names[rule] | other.names[rule] for rule in RULES})


def rights(onlooker: Node, name: str, namespace: str = "/") -> Rights:
    """What the node `name` in `namespace` uses now, as `onlooker` sees it; nothing while it is not there."""
    try:
        queried = {
            "publish": onlooker.get_publisher_names_and_types_by_node(name, namespace),
            "subscribe": onlooker.get_subscriber_names_and_types_by_node(name, namespace),
            "reply": onlooker.get_service_names_and_types_by_node(name, namespace),
            "request": onlooker.get_client_names_and_types_by_node(name, namespace),
        }
    except RuntimeError:  # no such node yet
        return Rights()
    found = Rights()
    for rule, pairs in queried.items():
        for full, _ in pairs:
            action, _, part = full.partition("/_action/")
            if part not in ACTION_PARTS:
                found.names[rule].add(_short(full, namespace))
            elif rule in ("reply", "request"):
                found.names["execute" if rule == "reply" else "call"].add(_short(action, namespace))
    return found


def _short(full: str, namespace: str) -> str:
    """A name relative to the namespace, but for those that ROS and diagnostics want absolute."""
    inside = namespace.rstrip("/") + "/"
    if full in ABSOLUTE or not full.startswith(inside):
        return full
    return full.removeprefix(inside)
