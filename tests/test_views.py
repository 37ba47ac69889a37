"""The views for RViz and Foxglove, read and not run: the topics, fields and services that they name exist."""

import fnmatch
import importlib
import json
import re

import pytest
import yaml
from security_policy import allowed

from inspire_bringup.paths import share_folder
from inspire_bringup.recorded_topics import subscriptions
from inspire_policy.action import ActionContract

SHARE = share_folder()
ALLOWED = allowed(SHARE / "security" / "policy.xml")
KINDS = {subscription.topic: subscription.kind for subscription in subscriptions(["agentview", "wrist"])}
RVIZ = yaml.safe_load((SHARE / "rviz/inspire.rviz").read_text())["Visualization Manager"]
DISPLAYS = {display["Name"]: display for display in RVIZ["Displays"]}
FOXGLOVE = json.loads((SHARE / "foxglove/inspire.json").read_text())
PANELS = FOXGLOVE["configById"]


def offered(rule: str, topic: str) -> bool:
    """Whether some node may, by the security policy, which a test compares with running nodes."""
    names = {name for enclave, r in ALLOWED.items() if enclave.startswith("/inspire") for name in r.names[rule]}
    return any(fnmatch.fnmatchcase(topic, name if name.startswith("/") else f"/{name}") for name in names - {"*"})


@pytest.mark.parametrize("name", [name for name, display in DISPLAYS.items() if "Topic" in display])
def test_rviz_listens_to_topics_that_exist_as_they_are_sent(name):
    topic = DISPLAYS[name]["Topic"]
    assert offered("publish", topic["Value"])
    images = DISPLAYS[name]["Class"].endswith("/Image")
    assert topic["Reliability Policy"] == ("Best Effort" if images else "Reliable")
    assert topic["Durability Policy"] == "Volatile"
    assert topic["Value"].endswith(("image_raw", "overlay")) == images


def test_rviz_shows_images_answers_poses_and_frames():
    shown = {display["Topic"]["Value"] for display in DISPLAYS.values() if "Topic" in display}
    assert shown >= {"/inspire/overlay", "/arm/state_pose", "/arm/target_pose", "/arm/dry_run/target_pose"}
    assert shown >= {"/camera/agentview/color/image_raw", "/camera/wrist/color/image_raw"}
    assert {display["Class"] for display in DISPLAYS.values()} == {
        f"rviz_default_plugins/{name}" for name in ("Grid", "Axes", "TF", "Pose", "Image")
    }
    assert RVIZ["Global Options"]["Fixed Frame"] == ActionContract().frame


def leaves(tree: dict | str) -> list[str]:
    return [tree] if isinstance(tree, str) else leaves(tree["first"]) + leaves(tree["second"])


def test_foxglove_shows_every_panel_once():
    assert sorted(leaves(FOXGLOVE["layout"])) == sorted(PANELS)


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("panel", PANELS)
def test_foxglove_names_topics_fields_and_services_that_exist(panel):
    settings = PANELS[panel]
    for text in (text for text in texts(settings) if text.startswith("/")):
        topic, *fields = re.sub(r"\[[^\]]*\]", "", text).split(".")
        kind = panel.partition("!")[0]
        rule = {"CallService": "reply", "Publish": "subscribe"}.get(kind, "publish")
        assert offered(rule, topic), f"{text}: nobody offers {topic}"
        message = KINDS.get(topic.removeprefix("/"))
        for field in fields:
            assert message is not None, f"{text}: of unknown type"
            types = message.get_fields_and_field_types()
            assert field in types, f"{text}: no field {field}"
            package, _, name = re.sub(r"sequence<(.*)>", r"\1", types[field]).partition("/")
            message = getattr(importlib.import_module(f"{package}.msg"), name) if name else None


def test_foxglove_instructs_with_what_the_policy_listens_to():
    settings = PANELS["Publish!instruction"]
    kind = KINDS[settings["topicName"].removeprefix("/")]
    assert settings["datatype"] == f"std_msgs/msg/{kind.__name__}"
    assert kind(**json.loads(settings["value"])).data
