"""A camera that is plugged in, by its serial number."""

from __future__ import annotations

import pyrealsense2 as rs

from inspire_camera.errors import CameraError
from inspire_camera.usb import UDEV_RULE, UsbCamera, usb_cameras


class LiveSource:
    """One camera among those plugged in.

    Args:
        serial: its serial number; empty: the only one there is.
    """

    replayed = False
    repeat = False

    def __init__(self, serial: str = "") -> None:
        self._serial = serial
        self._context = rs.context()

    def connect(self) -> rs.device:
        """The camera. Raises CameraError when it is not there, not allowed, or not the only one."""
        devices = {_info(device, rs.camera_info.serial_number): device for device in self._context.query_devices()}
        serial = choose(self._serial, tuple(devices), usb_cameras())
        device = devices[serial]
        for sensor in device.query_sensors():
            # librealsense then fits the device's clock to the host's, where the kernel's driver gives metadata.
            if sensor.supports(rs.option.global_time_enabled):
                sensor.set_option(rs.option.global_time_enabled, 1)
        return device

    def started(self) -> None:
        """Nothing to do."""

    def over(self) -> bool:
        """A camera is never over, it is lost."""
        return False

    def release(self) -> None:
        """Nothing to do: dropping the device releases it."""


def _info(device: rs.device, what: rs.camera_info) -> str:
    return str(device.get_info(what)) if device.supports(what) else ""


def choose(wanted: str, serials: tuple[str, ...], on_bus: tuple[UsbCamera, ...]) -> str:
    """The serial number to open.

    Args:
        wanted: serial number asked for, empty for the only one. serials: those that librealsense can open.
        on_bus: cameras that the kernel sees.

    Raises:
        CameraError: with the serial numbers found, or why there are none.
    """
    if wanted in serials and wanted:
        return wanted
    asked = f"a RealSense camera with serial_no {wanted}" if wanted else "one RealSense camera"
    if serials and wanted:
        raise CameraError(f"camera: expected {asked}, found {', '.join(serials)}; set serial_no to one of them")
    if len(serials) == 1:
        return serials[0]
    if serials:
        raise CameraError(f"camera: expected {asked}, found {len(serials)}: {', '.join(serials)}; set serial_no")
    forbidden = [camera for camera in on_bus if not camera.allowed]
    if forbidden:
        raise CameraError(
            f"camera: expected {asked}, found {forbidden[0].product} at {forbidden[0].file}, which this user may not "
            f"open; {UDEV_RULE}"
        )
    if on_bus:
        raise CameraError(
            f"camera: expected {asked}, found {on_bus[0].product} on the bus, which librealsense cannot open; end "
            "other programs that use it, then plug it in again"
        )
    raise CameraError(
        f"camera: expected {asked}, found none on the USB bus; plug it into a USB 3 port with the cable that came with "
        "it, or start with source:=synthetic"
    )
