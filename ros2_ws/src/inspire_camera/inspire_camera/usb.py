"""RealSense cameras as the kernel lists them, to tell "not plugged in" from "not allowed"."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VENDOR = "8086"
UDEV_RULE = (
    "copy config/99-realsense-libusb.rules of github.com/IntelRealSense/librealsense to /etc/udev/rules.d/, run "
    "`sudo udevadm control --reload-rules && sudo udevadm trigger`, plug the camera in again; in a container also give "
    "it /dev/bus/usb"
)


@dataclass(frozen=True)
class UsbCamera:
    """A camera on the bus: its product name, its device file, whether this user may open it."""

    product: str
    file: Path
    allowed: bool


def usb_cameras(sys: Path = Path("/sys/bus/usb/devices"), dev: Path = Path("/dev/bus/usb")) -> tuple[UsbCamera, ...]:
    """The RealSense cameras that the kernel sees.

    Args:
        sys: the kernel's list of USB devices. dev: the folder of their device files.
    """
    found = []
    for device in sorted(sys.glob("*")):
        product = _read(device / "product")
        if _read(device / "idVendor") == VENDOR and "RealSense" in product:
            file = dev / f"{int(_read(device / 'busnum')):03d}" / f"{int(_read(device / 'devnum')):03d}"
            found.append(UsbCamera(product, file, os.access(file, os.R_OK | os.W_OK)))
    return tuple(found)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
