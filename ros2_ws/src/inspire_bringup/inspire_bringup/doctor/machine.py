"""Checks of the machine: shared memory, disk, memory, GPU, how its CPU is run. Each looks at what it is given."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

from inspire_bringup.doctor.finding import Finding, ask
from inspire_bringup.environment import SHARED_MEMORY, shared_memory_warning

PARTICIPANTS = 6  # simulator, gate, policy, recorder, driver, and one more for `ros2 topic echo`
DISK_BYTES = 1_000_000_000  # a run's recording and video take some 20 MB; setting up takes more
MEMORY_BYTES = 2_000_000_000  # the whole tabletop stack takes about 1.3 GB
REAL_TIME_PRIORITY = 50  # what controllers of arms usually ask for
GOVERNORS = Path("/sys/devices/system/cpu")


def check_shared_memory(folder: Path = SHARED_MEMORY, participants: int = PARTICIPANTS) -> Finding:
    """Room for the segments of `participants` processes in `folder`."""
    warning = shared_memory_warning(participants, folder)
    if warning is None:
        return Finding(name="shared memory", found=True, detail=f"{_gigabytes(folder)} GB free in {folder}")
    expected, _, mend = warning.partition(". ")
    return Finding(
        name="shared memory",
        found=False,
        detail=expected,
        mend=mend or f"mount a tmpfs on {folder}; in a container: docker run --shm-size 1g",
    )


def check_disk(folder: Path, needed: int = DISK_BYTES) -> Finding:
    """Room for runs/ in `folder`, bytes."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            name="disk",
            found=False,
            required=True,
            detail=f"expected the folder {folder}, found: {error.strerror}",
            mend="run this in a folder that exists",
        )
    return Finding(
        name="disk",
        found=free >= needed,
        required=True,
        detail=f"{free / 1e9:.1f} GB free in {folder}"
        + ("" if free >= needed else f", expected {needed / 1e9:g} GB or more"),
        mend="" if free >= needed else "remove old runs, or run in another folder",
    )


def check_memory(meminfo: Path = Path("/proc/meminfo"), needed: int = MEMORY_BYTES) -> Finding:
    """Memory that is available now, bytes, as the kernel says in `meminfo`."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        available = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return Finding(
            name="memory",
            found=False,
            detail=f"expected MemAvailable in {meminfo}, found none",
            mend="look with: free -h",
        )
    enough = available >= needed
    return Finding(
        name="memory",
        found=enough,
        required=True,
        detail=f"{available / 1e9:.1f} GB available" + ("" if enough else f", expected {needed / 1e9:g} GB or more"),
        mend="" if enough else "end other programs",
    )


def check_gpu(program: str = "nvidia-smi") -> Finding:
    """The NVIDIA GPUs that the driver's own program lists."""
    answer = ask([program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"], timeout=20.0)
    if answer.ok and answer.text:
        return Finding(name="GPU", found=True, detail="; ".join(answer.text.splitlines()))
    return Finding(
        name="GPU",
        found=False,
        detail=f"expected {program} to list one, found: {answer.text or 'an empty list'}",
        mend="the policy runs on the CPU; for a GPU install the vendor's driver, in a container also its container "
        "toolkit",
    )


def check_governor(folder: Path = GOVERNORS) -> Finding:
    """How the kernel chooses the clock of the CPUs below `folder`: a slow start costs milliseconds in each tick."""
    governors = {file.read_text().strip() for file in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if not governors:
        return Finding(
            name="CPU governor",
            found=True,
            detail="none to set here (the clock is the firmware's or the host's matter)",
        )
    if governors == {"performance"}:
        return Finding(name="CPU governor", found=True, detail="performance")
    return Finding(
        name="CPU governor",
        found=False,
        detail=f"expected performance on every CPU, found {', '.join(sorted(governors))}",
        mend="sudo cpupower frequency-set -g performance",
    )


def check_real_time_limit(limit: int | None = None, needed: int = REAL_TIME_PRIORITY) -> Finding:
    """The real-time priority that this user's processes may take; None: as the kernel says."""
    allowed = resource.getrlimit(resource.RLIMIT_RTPRIO)[0] if limit is None else limit
    enough = allowed == resource.RLIM_INFINITY or allowed >= needed
    return Finding(
        name="real-time limit",
        found=enough,
        detail=f"priority up to {'any' if allowed == resource.RLIM_INFINITY else allowed}"
        + ("" if enough else f", expected {needed} for an arm's driver on this machine"),
        mend=""
        if enough
        else f"/etc/security/limits.conf: `@realtime - rtprio {needed}`, join the group realtime, log in again",
    )


def _gigabytes(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 1e9:.1f}"
