"""The machine that numbers were measured on, in words."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("torch", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx", "cuda-bindings", "numpy")


def machine() -> dict[str, str]:
    """What it is -> its name or number."""
    described = {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "load average": f"{os.getloadavg()[0]:.1f} when the run began",
        "niceness": str(os.nice(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        described["GPU"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        described["CUDA of torch"] = str(torch.version.cuda)
        if (driver := Path("/proc/driver/nvidia/version")).is_file():
            described["driver"] = driver.read_text().splitlines()[0]
    else:
        described["GPU"] = "none"
    return described | {name: version for name in PACKAGES if (version := _version(name))}


def _cpu(described: Path = Path("/proc/cpuinfo")) -> str:
    lines = described.read_text().splitlines() if described.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
