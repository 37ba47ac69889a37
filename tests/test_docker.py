"""The docker files, read and not run: every path, stage, make target and package that they name exists.

No engine has built them in these tests. What can be checked without one is checked against the repository itself.
"""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import dockerfile
import pytest
import yaml
from test_repository import makefile_targets, tracked

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker/Dockerfile").read_text()
STAGES = dockerfile.stages(TEXT)
SERVICES = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]

# rosdep keys that are no ROS packages, each looked up in rosdep's python.yaml.
ROSDEP_KEYS = {
    *("python3-numpy", "python3-opencv", "python3-opengl", "python3-pytest", "python3-scipy", "python3-yaml"),
}
# ROS packages, each looked up in the list of packages released for jazzy. Another one: look it up first.
JAZZY = {
    *("builtin_interfaces", "control_msgs", "diagnostic_msgs", "foxglove_bridge", "geometry_msgs", "joy", "launch"),
    *("launch_ros", "launch_testing", "lifecycle_msgs", "rcl_interfaces", "rclpy", "rosgraph_msgs", "sensor_msgs"),
    *("rosidl_default_generators", "rosidl_default_runtime", "sros2", "std_msgs", "std_srvs", "ament_cmake"),
    *("action_msgs", "trajectory_msgs", "ros2launch", "ament_index_python"),
}


def packages_of_apt() -> list[str]:
    """Every package that the Dockerfile asks apt for."""
    lists = [words[1:] for stage in STAGES.values() for words in stage.commands("apt-get") if words[0] == "install"]
    assert lists, "no apt-get install was found"
    return [name for words in lists for name in words]


def make_targets(stages: list[dockerfile.Stage]) -> list[str]:
    """Every target that RUN and CMD call."""
    return [target for stage in stages for words in stage.commands("make") for target in words]


def test_the_stages_build_upon_each_other():
    assert {name: stage.parent for name, stage in STAGES.items()} == {
        "base": "${ROS_IMAGE}",
        "sim": "base",
        "robot": "base",
        "test": "sim",
    }
    (image,) = re.findall(r"^ARG ROS_IMAGE=(\S+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"ros:jazzy-ros-base-noble", image), "an official image with distribution and release"


def test_hadolint_has_nothing_to_say():
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed: requirements/development.txt brings it for the common machines")
    done = subprocess.run([hadolint, str(ROOT / "docker/Dockerfile")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_make_target_exists():
    called = [
        word for stage in STAGES.values() for words in stage.commands("make") for word in words if "=" not in word
    ]
    assert {"setup", "setup-libero", "setup-training", "setup-development", "demo", "doctor"} == set(called)
    assert set(called) <= makefile_targets()


@pytest.mark.parametrize("name", STAGES)
def test_make_finds_all_it_needs_in_what_a_stage_copies(name, tmp_path):
    dockerfile.copied(STAGES, name, tracked(), ROOT, tmp_path)
    targets = [
        target for stage in dockerfile.lineage(STAGES, name) for words in stage.commands("make") for target in words
    ]
    done = subprocess.run(
        ["make", "-n", *targets],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "ROS_DISTRO": "jazzy"},
    )
    assert done.returncode == 0, done.stderr
    for script in re.findall(r"scripts/\w+\.sh", done.stdout):
        assert os.access(ROOT / script, os.X_OK), script
        assert (tmp_path / script).is_file(), script


def test_the_packages_of_debian_are_those_that_the_setup_asks_for():
    script = (ROOT / "scripts/system_packages.sh").read_text()
    wanted = set(re.findall(r"missing\+=\(([^)\"$]*)\)", script))
    wanted = {name for names in wanted for name in names.split()} - {"python3"}  # which every image of ROS has
    assert {name for name in packages_of_apt() if not name.startswith("ros-")} == wanted


def test_the_packages_of_ros_are_released_for_jazzy():
    named = {name for name in packages_of_apt() if name.startswith("ros-")}
    assert named, "the Dockerfile asks for no ROS package"
    for name in named:
        distribution, _, package = name.removeprefix("ros-").partition("}-")
        assert distribution == "${ROS_DISTRO"
        assert package.replace("-", "_") in JAZZY, name


@pytest.mark.parametrize("manifest", sorted((ROOT / "ros2_ws/src").glob("*/package.xml")), ids=lambda p: p.parent.name)
def test_rosdep_knows_every_key_of_the_packages(manifest):
    own = {path.parent.name for path in manifest.parents[1].glob("*/package.xml")}
    keys = {e.text for e in ElementTree.parse(manifest).getroot() if e.tag.endswith("depend")}
    assert keys - own - JAZZY - ROSDEP_KEYS == set(), "look them up in rosdep and in the distribution, then name them"


def test_entry_and_commands_exist():
    instructions = dict(STAGES["base"].instructions)
    assert instructions["WORKDIR"] == "/opt/inspire"
    entry = re.findall(r'"([^"]+)"', instructions["ENTRYPOINT"])
    assert entry[0] == "/ros_entrypoint.sh", "of the official image"
    assert os.access(ROOT / Path(entry[1]).relative_to("/opt/inspire"), os.X_OK)
    for stage in STAGES.values():
        command = re.findall(r'"([^"]+)"', dict(stage.instructions).get("CMD", '"make"'))
        if command[:2] == ["ros2", "launch"]:
            assert (ROOT / "ros2_ws/src" / command[2] / "launch" / command[3]).is_file(), command
        else:
            assert command[0] == "make" or os.access(ROOT / command[0], os.X_OK), command


def test_what_git_ignores_stays_out_of_the_images_and_nothing_else():
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    made = [*(".venv/bin/python", "runs/x/video.mp4", "data/a", "ros2_ws/build/x", "ros2_ws/install/x", "log/x")]
    made += ["tests/__pycache__/a.pyc", "training/build/x", "ros2_ws/src/inspire_arm/inspire_arm.egg-info/x"]
    assert [path for path in made if not dockerfile.ignored(patterns, path)] == []
    taken = [str(path.relative_to(ROOT)) for path in tracked()]
    assert [path for path in taken if dockerfile.ignored(patterns, path)] == []


def test_the_services_are_those_of_robot_simulation_and_ci():
    assert set(SERVICES) == {"sim", "robot", "robot-gpu", "ci"}
    for service in SERVICES.values():
        build = service["build"]
        assert (ROOT / "docker" / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
        assert build["target"] in STAGES
        assert service["image"] == f"inspire:{build['target']}"
        assert set(build.get("args", {})) <= set(re.findall(r"^ARG (\w+)", TEXT, re.MULTILINE))
        assert service["init"], "so that a signal reaches the nodes"


def test_shared_memory_is_large_enough_in_every_service():
    for name, service in SERVICES.items():
        assert service.get("shm_size") == "1gb" or service.get("ipc") == "host", name
    assert SERVICES["robot"]["network_mode"] == SERVICES["robot"]["ipc"] == "host", "with the arm's driver beside it"


def test_devices_of_the_robot():
    robot = SERVICES["robot"]
    assert "/dev/bus/usb:/dev/bus/usb" in robot["volumes"]
    assert any(rule.startswith("c 189:") for rule in robot["device_cgroup_rules"])
    assert robot["restart"] == "no"
    (gpu,) = SERVICES["robot-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert gpu == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert {key: SERVICES["robot-gpu"][key] for key in robot} == robot
    assert not any("devices" in service for service in SERVICES.values()), "a device that is not there ends the start"


def test_folders_of_the_host_are_ignored_by_git_and_variables_have_defaults():
    text = (ROOT / "docker/compose.yaml").read_text()
    assert re.findall(r"\$\{\w+\}", text) == []
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source, _, target = volume.partition(":")
            assert source == target or (source, target) == ("../runs", "/opt/inspire/runs")
    assert "/runs/" in (ROOT / ".gitignore").read_text().splitlines()


def test_nodes_in_containers_stay_on_the_host_unless_told_otherwise():
    for name in ("sim", "robot"):
        assert "LOCALHOST" in SERVICES[name]["environment"]["ROS_AUTOMATIC_DISCOVERY_RANGE"]


def test_the_guide_names_services_and_stages_that_exist():
    text = (ROOT / "docs/docker.md").read_text()
    named = re.findall(r"compose\.yaml (?:--profile gpu )?(?:run --rm(?: -e \S+)?|build) ([a-z-]+)", text)
    assert set(named) == set(SERVICES)
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(STAGES)
