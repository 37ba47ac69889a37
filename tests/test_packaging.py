"""Every package is built by colcon into an install base, and installed by pip without ROS, with its data files."""

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "ros2_ws/src"
SHARED = ("launch", "config", "bundles", "rviz", "foxglove", "security")
PYTHON_PACKAGES = sorted(path.parent.name for path in SOURCES.glob("*/setup.py"))


def run(command: list[str], *, timeout: float, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment}, cwd=ROOT
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def shared_files(package: str) -> set[str]:
    """What a package must leave in share/<package>: launch files, configuration, bundles, views, security policy."""
    folder = SOURCES / package
    files = [path for part in SHARED for path in (folder / part).rglob("*")]
    return {str(path.relative_to(folder)) for path in files if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The Python packages built by colcon as a user would, into an install base of their own.

    The interfaces take a minute or more to compile; the set-up has built them with colcon already.
    """
    base = tmp_path_factory.mktemp("colcon")
    prefixes = os.pathsep.join([sys.prefix, *filter(None, [os.environ.get("AMENT_PREFIX_PATH")])])
    run(
        [
            *(sys.executable, "-m", "colcon", "--log-base", str(base / "log"), "build"),
            *(
                "--base-paths",
                str(SOURCES),
                "--build-base",
                str(base / "build"),
                "--install-base",
                str(base / "install"),
            ),
            *("--packages-skip", "inspire_msgs"),
        ],
        timeout=500,
        AMENT_PREFIX_PATH=prefixes,
        CMAKE_PREFIX_PATH=prefixes,
    )
    return base / "install"


def test_colcon_built_the_interfaces_that_are_in_use():
    import inspire_msgs

    prefix = Path(inspire_msgs.__file__).parents[4]
    assert (prefix / "share/colcon-core/packages/inspire_msgs").is_file(), f"{prefix} was not made by colcon"
    for folder in ("msg", "srv", "action"):
        for written in (SOURCES / "inspire_msgs" / folder).iterdir():
            built = prefix / "share/inspire_msgs" / folder / written.name
            assert built.is_file(), f"expected {built}; run make setup"
            assert built.read_text() == written.read_text(), f"{written.name} has changed since; run make setup"


@pytest.mark.slow
@pytest.mark.timeout(550)
@pytest.mark.parametrize("package", PYTHON_PACKAGES)
def test_colcon_builds_and_installs_every_package(workspace, package):
    prefix = workspace / package
    assert (prefix / "share/ament_index/resource_index/packages" / package).is_file()
    assert (prefix / "share" / package / "package.xml").is_file()
    missing = {name for name in shared_files(package) if not (prefix / "share" / package / name).is_file()}
    assert missing == set()
    # The executables lie where `ros2 run` and launch look for them.
    for script in distribution(package).entry_points.select(group="console_scripts"):
        assert os.access(prefix / "lib" / package / script.name, os.X_OK), f"{package}: no executable {script.name}"


@pytest.mark.slow
@pytest.mark.timeout(550)
def test_pip_installs_every_package_without_ros(tmp_path):
    # Copies, because setuptools leaves its build folder beside the sources. Wheels are made with this environment's
    # setuptools and installed without their libraries: the packages themselves are under test here.
    copies = [SOURCES / name for name in PYTHON_PACKAGES] + [ROOT / "training"]
    for source in copies:
        shutil.copytree(source, tmp_path / "source" / source.name, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheels = tmp_path / "wheels"
    folders = [str(path) for path in sorted((tmp_path / "source").iterdir())]
    run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), *folders], timeout=300)
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv/bin/python")
    files = [str(path) for path in wheels.glob("*.whl")]
    run([*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", *files], timeout=200)
    (tmp_path / "elsewhere").mkdir()
    for package in [*PYTHON_PACKAGES, "inspire_training"]:
        show = f"import {package}, sys; assert {package}.__file__.startswith(sys.prefix), {package}.__file__"
        done = subprocess.run(
            [python, "-c", show], capture_output=True, text=True, cwd=tmp_path / "elsewhere", timeout=60
        )
        assert done.returncode == 0, done.stderr
    share = tmp_path / "venv/share"
    for package in PYTHON_PACKAGES:
        missing = {name for name in shared_files(package) if not (share / package / name).is_file()}
        assert missing == set(), f"{package} lacks {missing} in share"
    assert (tmp_path / "venv/bin/inspire").is_file()
