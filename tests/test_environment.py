"""What the set-up makes is consistent, each exception explained; what it would be beside the ROS of apt resolves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints"

OPENCV = "opencv-python-headless provides cv2 without X libraries"
NOT_IMPORTED = "asked for by training scripts of LIBERO; its environments never import it"
EXPLAINED = {
    ("robosuite", "opencv-python"): OPENCV,
    ("hf-libero", "opencv-python"): OPENCV,
    ("hf-libero", "einops"): NOT_IMPORTED,
    ("hf-libero", "hf-egl-probe"): NOT_IMPORTED,
    ("hf-libero", "hydra-core"): NOT_IMPORTED,
    ("hf-libero", "robomimic"): NOT_IMPORTED,
    ("hf-libero", "thop"): NOT_IMPORTED,
    ("hf-libero", "wandb"): NOT_IMPORTED,
    ("bddl", "jupytext"): "asked for by notebooks of BDDL",
}
MISSING = re.compile(r"^(?P<package>\S+) \S+ requires (?P<needed>[\w.-]+), which is not installed\.$")


def pip(*arguments: str, timeout: float) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, timeout=timeout, env=environment
    )


def test_pip_check_reports_only_what_is_explained():
    unexplained = []
    for line in pip("check", timeout=120).stdout.splitlines():
        found = MISSING.match(line)
        if line != "No broken requirements found." and not (found and (found["package"], found["needed"]) in EXPLAINED):
            unexplained.append(line)
    assert unexplained == []


def pins(file: Path) -> dict[str, str]:
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert all("==" in line for line in lines), f"{file.name}: every line is a pin"
    return {name.lower().replace("_", "-"): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("name", ["py311-wheels.txt", "py312-apt.txt"])
def test_torch_is_pinned_without_a_local_suffix(name):
    assert re.fullmatch(r"\d+\.\d+\.\d+", pins(CONSTRAINTS / name)["torch"])


def test_numpy_stays_below_two_beside_the_ros_of_apt():
    assert pins(CONSTRAINTS / "py312-apt.txt")["numpy"].startswith("1.26.")


def test_everything_that_is_asked_for_is_pinned():
    pinned = pins(CONSTRAINTS / "py311-wheels.txt")
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        for line in file.read_text().splitlines():
            name = re.split(r"[\[<>=! ]", line.strip())[0].lower().replace("_", "-")
            if name and not line.startswith("#"):
                assert name in pinned, f"{file.name}: {name} has no pin in py311-wheels.txt"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_lists_resolve_for_python_312_with_the_pins_for_apt(tmp_path):
    # fast-deps reads the metadata out of each wheel's end: without it the CUDA build of torch, 3 GB, would come along.
    arguments = [
        "install",
        "--dry-run",
        "--quiet",
        "--ignore-installed",
        "--only-binary=:all:",
        "--use-feature=fast-deps",
    ]
    arguments += ["--python-version", "3.12", "--target", str(tmp_path), "-c", str(CONSTRAINTS / "py312-apt.txt")]
    for name in ("demo", "training", "libero", "development", "foxglove"):
        arguments += ["-r", str(ROOT / "requirements" / f"{name}.txt")]
    done = pip(*arguments, timeout=550)
    offline = ("Temporary failure in name resolution", "Failed to establish a new connection")
    if any(sign in done.stderr for sign in offline):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr[-2000:]
