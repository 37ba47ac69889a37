"""Checks of what is installed: ROS, DDS profile, renderer, engine, bundle, TensorRT, cameras, LIBERO's assets."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from inspire_bringup.doctor.finding import Answer, Finding, ask
from inspire_bringup.environment import stack_environment
from inspire_camera.usb import UDEV_RULE, UsbCamera, usb_cameras
from inspire_policy.bundle import BundleError, find_bundle, load_bundle
from inspire_policy.engines.distributions import require_one_onnxruntime
from inspire_policy.engines.protocol import EngineError
from inspire_sim.renderer import missing_renderer
from inspire_sim.worlds.libero_assets import ASSET_FOLDERS, VARIABLE, cache_folder

SEGMENT_BYTES = 32 << 20  # of the shared-memory transport; images are lost with less
TOO_OLD = ("foxy", "galactic", "humble", "iron")
PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
FAST_DDS = "rmw_fastrtps_cpp"
TENSORRT = ("tensorrt", "tensorrt_rtx")
IMPORT_TIMEOUT = 60.0  # s; the first import of a large library reads from a slow disk
DEVICES = (
    "import pyrealsense2 as rs\n"
    "for d in rs.context().query_devices():\n"
    "    print(d.get_info(rs.camera_info.name), d.get_info(rs.camera_info.serial_number))"
)


def check_ros(environment: Mapping[str, str], modules: Sequence[str] = ("rclpy", "inspire_msgs")) -> Finding:
    """ROS 2 jazzy or newer, from apt where one is sourced, else from wheels, with the built messages."""
    distro = environment.get("ROS_DISTRO", "")
    if distro in TOO_OLD:
        return Finding(
            name="ROS",
            found=False,
            required=True,
            detail=f"expected ROS 2 jazzy or newer, found {distro}",
            mend="open a shell that does not source it; ROS 2 then comes from wheels",
        )
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            name="ROS",
            found=False,
            required=True,
            detail=f"expected the modules {', '.join(modules)}, found no {', '.join(missing)}",
            mend="make setup",
        )
    return Finding(name="ROS", found=True, required=True, detail=f"ROS 2 {distro} from apt" if distro else _wheels())


def _wheels() -> str:
    try:
        return f"ROS 2 jazzy from wheels (rclpy {metadata.version('ros-jazzy-rclpy')})"
    except metadata.PackageNotFoundError:
        return "ROS 2, of no known distribution"


def check_dds(environment: Mapping[str, str]) -> Finding:
    """The DDS profile that the nodes of a stack would run with, and how far they are seen."""
    made = stack_environment(environment, domain_id=0)
    middleware = made.get("RMW_IMPLEMENTATION", FAST_DDS)
    reach = f"discovery {made['ROS_AUTOMATIC_DISCOVERY_RANGE']}"
    if middleware != FAST_DDS:
        return Finding(
            name="DDS profile",
            found=False,
            detail=f"expected {FAST_DDS}, found {middleware}, which the shipped profile does not reach; {reach}",
            mend=f"export RMW_IMPLEMENTATION={FAST_DDS}, or give {middleware} room for images in its own settings",
        )
    for name in PROFILES:
        trouble = _trouble_with(Path(made[name]))
        if trouble:
            return Finding(
                name="DDS profile",
                found=False,
                detail=f"{name}: {trouble}; {reach}",
                mend=f"unset {name}, so that the shipped profile is used, or add a shared-memory transport to yours",
            )
    return Finding(name="DDS profile", found=True, detail=f"{Path(made[PROFILES[0]]).name}; {reach}")


def _trouble_with(profile: Path) -> str:
    try:
        sizes = [int(e.text or 0) for e in ElementTree.parse(profile).iter() if e.tag.endswith("segment_size")]
    except (OSError, ValueError, ElementTree.ParseError) as error:
        return f"expected a profile of Fast DDS in {profile}, found: {error}"
    largest = max(sizes, default=0)
    if largest >= SEGMENT_BYTES:
        return ""
    return f"expected a shared-memory segment of {SEGMENT_BYTES} bytes in {profile}, found {largest}"


def check_renderer(environment: Mapping[str, str]) -> Finding:
    """The library that draws the simulated cameras."""
    missing = missing_renderer(environment)
    detail, _, mend = missing.partition("; ")
    return Finding(name="renderer", found=not missing, required=True, detail=detail or "OSMesa, in software", mend=mend)


def check_engine(installed: tuple[str, ...] | None = None) -> Finding:
    """The one ONNX Runtime; `installed`: names to judge instead of what is here."""
    try:
        name = require_one_onnxruntime(installed)
    except EngineError as error:
        detail, _, mend = str(error).partition("; ")
        return Finding(name="engine", found=False, required=True, detail=detail, mend=mend)
    version = metadata.version(name) if installed is None else ""
    return Finding(name="engine", found=True, required=True, detail=f"{name} {version}".strip())


def check_bundle(name: str) -> Finding:
    """A bundle, complete and untampered."""
    try:
        bundle = load_bundle(find_bundle(name))
    except BundleError as error:
        return Finding(
            name="bundle",
            found=False,
            required=True,
            detail=str(error),
            mend="git checkout the bundle, or export again",
        )
    return Finding(name="bundle", found=True, required=True, detail=f"{bundle.manifest.name}, checksums agree")


def check_tensorrt(modules: Sequence[str] = TENSORRT) -> Finding:
    """TensorRT or TensorRT for RTX, imported in a process of its own, with its version."""
    tried = []
    for module in modules:
        if importlib.util.find_spec(module) is None:
            tried.append(f"no module {module}")
            continue
        answer = ask([sys.executable, "-c", f"import {module}; print({module}.__version__)"], timeout=IMPORT_TIMEOUT)
        if answer.ok:
            return Finding(name="TensorRT", found=True, detail=f"{module} {answer.text}")
        tried.append(f"{module}: {answer.text}")
    return Finding(
        name="TensorRT",
        found=False,
        detail=f"expected one of {', '.join(modules)}, found {'; '.join(tried)}",
        mend="the policy runs on ONNX Runtime; for a GPU install TensorRT for it (pip install tensorrt-rtx for RTX)",
    )


def realsense_devices() -> Answer:
    """The cameras that librealsense sees, asked in a process of its own."""
    return ask([sys.executable, "-c", DEVICES], timeout=IMPORT_TIMEOUT)


def check_cameras(
    devices: Callable[[], Answer] = realsense_devices, usb: Callable[[], tuple[UsbCamera, ...]] = usb_cameras
) -> Finding:
    """RealSense cameras: what librealsense can open, and what the kernel sees that it cannot."""
    answer, plugged = devices(), usb()
    if answer.ok and answer.text:
        return Finding(name="cameras", found=True, detail="; ".join(answer.text.splitlines()))
    if not answer.ok:
        return Finding(
            name="cameras",
            found=False,
            detail=f"expected pyrealsense2, found: {answer.text}",
            mend="pip install pyrealsense2 and apt-get install libusb-1.0-0; not needed with realsense-ros",
        )
    denied = [camera for camera in plugged if not camera.allowed]
    if denied:
        return Finding(
            name="cameras",
            found=False,
            detail=f"expected access to {denied[0].file}, found {denied[0].product} that this user may not open",
            mend=UDEV_RULE,
        )
    return Finding(
        name="cameras",
        found=False,
        detail="expected a RealSense camera, found none",
        mend="plug one in; a camera with a node of its own needs nothing here",
    )


def check_libero(environment: Mapping[str, str], cache: Path | None = None) -> Finding:
    """LIBERO's meshes and textures, in $INSPIRE_LIBERO_ASSETS or else in the user's cache; the hub is not asked."""
    named = environment.get(VARIABLE, "")
    folder = Path(named).expanduser() if named else (cache or cache_folder()) / "libero_assets"
    missing = [name for name in ASSET_FOLDERS if not (folder / name).is_dir()]
    if missing:
        return Finding(
            name="LIBERO assets",
            found=False,
            detail=f"expected {len(ASSET_FOLDERS)} folders in {folder}, found no {', '.join(missing)}",
            mend=f"set {VARIABLE} to libero/libero/assets of a LIBERO checkout; the tabletop world needs none",
        )
    if importlib.util.find_spec("libero") is None:
        return Finding(
            name="LIBERO assets",
            found=False,
            detail=f"{folder}, but expected the package hf-libero, found none",
            mend="make setup-libero",
        )
    return Finding(name="LIBERO assets", found=True, detail=str(folder))
