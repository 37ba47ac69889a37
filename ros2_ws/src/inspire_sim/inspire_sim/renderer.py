"""Whether this machine can render: looked at before anything is started, without importing a simulator."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

OSMESA = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")


def missing_renderer(environment: Mapping[str, str]) -> str:
    """What is wrong and how to mend it; empty where the library that software rendering needs is there."""
    if environment.get("MUJOCO_GL", "osmesa") != "osmesa":
        return ""
    for library in OSMESA:
        try:
            ctypes.CDLL(library)
            return ""
        except OSError:
            continue
    return (
        f"renderer: expected the OSMesa library ({OSMESA[0]}), found none; install it with `apt-get install "
        "libosmesa6`, or set MUJOCO_GL=egl on a machine with a working EGL"
    )
