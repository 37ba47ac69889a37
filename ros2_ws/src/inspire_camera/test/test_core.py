"""The pure core: settings, calibration, stamps, counting, back-off, which camera to open. No librealsense, no ROS."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inspire_camera.calibration import Intrinsics, info_arrays, to_millimetres
from inspire_camera.counts import FrameNumbers, Pace
from inspire_camera.errors import CameraError
from inspire_camera.reconnect import BackOff
from inspire_camera.scenes import BASELINE, BOX, BOX_COLOUR, BOX_HALF, Renders, TestPicture
from inspire_camera.settings import CameraSettings, Profile
from inspire_camera.stamps import SUPPORT, WINDOW, ClockOffset, Domain, StampConverter, StampRefused, to_nanoseconds
from inspire_camera.usb import usb_cameras

MS = 1_000_000
unhurried = settings(deadline=None, max_examples=50)  # the machine may be busy


# Settings.


@pytest.mark.parametrize("text", ["640x480x30", "640,480,30", " 640X480X30 "])
def test_a_profile_is_read_as_realsense_ros_writes_it(text):
    assert Profile.parse(text) == Profile(640, 480, 30)


@pytest.mark.parametrize("text", ["", "640x480", "0x480x30", "640x480x0", "640x480x-30", "VGA", "640x480x30x2"])
def test_another_profile_is_refused(text):
    with pytest.raises(CameraError, match="color_profile: expected WIDTHxHEIGHTxFPS such as 640x480x30"):
        Profile.parse(text, name="color_profile")


def test_names_of_topics_and_frames():
    wrist = CameraSettings(name="wrist")
    assert wrist.topic("color/image_raw") == "camera/wrist/color/image_raw"
    assert wrist.optical_frame == "wrist_color_optical_frame"
    with pytest.raises(CameraError, match="camera_name: expected a letter"):
        CameraSettings(name="my camera")
    with pytest.raises(CameraError, match="at most reconnect_delay_max, found 2 s and 1 s"):
        CameraSettings(reconnect_delay=2.0, reconnect_delay_max=1.0)


# Calibration.


def intrinsics(model: str) -> Intrinsics:
    return Intrinsics(640, 480, 610.0, 611.0, 322.0, 238.0, model, (0.1, 0.2, 0.3, 0.4, 0.5))


def test_camera_info_repeats_the_intrinsics():
    info = info_arrays(intrinsics("inverse_brown_conrady"))
    assert info.model == "plumb_bob" and info.d == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert info.k == (610.0, 0.0, 322.0, 0.0, 611.0, 238.0, 0.0, 0.0, 1.0)
    assert info.p == (610.0, 0.0, 322.0, 0.0, 0.0, 611.0, 238.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert np.array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
    fisheye = info_arrays(intrinsics("kannala_brandt4"))
    assert fisheye.model == "equidistant" and fisheye.d == (0.1, 0.2, 0.3, 0.4)


@unhurried
@given(
    raw=st.lists(st.integers(0, 65535), min_size=1, max_size=20),
    units=st.sampled_from([0.0001, 0.00025, 0.001, 0.002, 0.01]),
)
def test_depth_becomes_millimetres_or_unknown(raw, units):
    depth = np.array([raw], np.uint16)
    millimetres = to_millimetres(depth, units)
    assert millimetres.dtype == np.uint16 and millimetres.shape == depth.shape
    for before, after in zip(raw, millimetres[0].tolist()):
        exact = before * units * 1e3
        assert after == 0 if exact > 65535.5 else abs(after - exact) <= 0.5 + 1e-6


def test_millimetres_pass_without_a_copy():
    depth = np.zeros((2, 2), np.uint16)
    assert to_millimetres(depth, 0.001) is depth


# Stamps.


@unhurried
@given(
    offset=st.integers(-(10**18), 10**18),
    floor=st.integers(0, 20 * MS),
    jitter=st.lists(st.integers(0, 60 * MS), min_size=SUPPORT, max_size=2 * WINDOW),
)
def test_the_offset_of_a_clock_is_known_to_its_error(offset, floor, jitter):
    clock = ClockOffset()
    for i, extra in enumerate(jitter):
        device = i * 33 * MS
        clock.add(device, device + offset + floor + extra)
    recent = sorted(jitter[-WINDOW:])
    assert clock.offset == offset + floor + recent[0]
    assert clock.error == pytest.approx((recent[SUPPORT - 1] - recent[0]) * 1e-9)


def test_a_restarted_device_clock_is_estimated_anew():
    clock = ClockOffset()
    for i in range(30):
        clock.add(10**12 + i * 33 * MS, 10**15 + i * 33 * MS)
    assert clock.error == 0.0
    clock.add(0, 10**15 + 30 * 33 * MS)
    assert clock.error == float("inf") and clock.offset == 10**15 + 30 * 33 * MS


def test_hardware_frames_are_refused_until_their_clock_is_known():
    stamps = StampConverter(max_error=0.02)
    arrivals = 10**18
    for i in range(SUPPORT - 1):
        with pytest.raises(StampRefused, match="clock_uncertain: expected the offset .* within 20 ms, found inf"):
            stamps.convert(i * 33.0, Domain.HARDWARE, arrivals + i * 33 * MS + 5 * MS)
    stamp = stamps.convert(SUPPORT * 33.0, Domain.HARDWARE, arrivals + SUPPORT * 33 * MS + 9 * MS)
    assert stamp == arrivals + SUPPORT * 33 * MS + 5 * MS
    assert stamps.clock_error == pytest.approx(0.004)


def test_a_hardware_clock_that_cannot_be_pinned_down_stays_refused():
    stamps = StampConverter(max_error=0.02)
    for i in range(200):
        with pytest.raises(StampRefused):
            stamps.convert(i * 33.0, Domain.HARDWARE, 10**18 + i * 33 * MS + (i % 32) * 3 * MS)
    assert stamps.clock_error > 0.02


def test_global_and_system_times_are_taken_as_they_are():
    stamps = StampConverter(max_error=0.02)
    assert stamps.convert(1.7e12, Domain.SYSTEM, 5) == 1_700_000_000_000 * MS
    assert stamps.convert(1.7e12 + 0.25, Domain.GLOBAL, 5) == 1_700_000_000_000 * MS + MS // 4
    assert stamps.clock_error == 0.0


@unhurried
@given(st.lists(st.integers(-3000, 3000), min_size=2, max_size=50))
def test_stamps_increase_unless_the_clock_was_set_back(steps):
    stamps = StampConverter(max_error=0.02)
    milliseconds, last, refused = 10**9, None, 0
    for step in steps:
        milliseconds += step
        try:
            stamp = stamps.convert(float(milliseconds), Domain.GLOBAL, 0)
        except StampRefused as error:
            assert error.name == "not_increasing" and 0 <= last - milliseconds * MS < 10**9
            refused += 1
        else:
            assert last is None or stamp > last or last - stamp >= 10**9
            last = stamp


@unhurried
@given(start=st.floats(0, 1e13), gaps=st.lists(st.floats(1, 100), min_size=1, max_size=20))
def test_a_replayed_recording_starts_now_and_keeps_its_distances(start, gaps):
    stamps = StampConverter(max_error=0.02, replayed=True)
    times = np.cumsum([start, *gaps])
    assume(np.all(np.diff(times) > 0.5))
    told = [stamps.convert(float(t), Domain.HARDWARE, 10**18 + 7 * i) for i, t in enumerate(times)]
    assert told[0] == 10**18
    assert [b - a for a, b in itertools.pairwise(told)] == [
        to_nanoseconds(float(b)) - to_nanoseconds(float(a)) for a, b in itertools.pairwise(times)
    ]


# Counting and waiting.


@unhurried
@given(st.sets(st.integers(1, 300), min_size=2))
def test_every_missing_number_is_counted_once(numbers):
    counter = FrameNumbers()
    missing = sum(counter.missing_before(number) for number in sorted(numbers))
    assert missing == max(numbers) - min(numbers) + 1 - len(numbers)


def test_repeats_and_restarts_are_no_losses():
    counter = FrameNumbers()
    assert [counter.missing_before(n) for n in (7, 7, 8, 1, 3)] == [0, -1, 0, 0, 1]
    counter.restart()
    assert counter.missing_before(100) == 0


def test_rate_falls_while_nothing_comes():
    pace = Pace()
    assert pace.rate(5.0) == 0.0 and pace.age(5.0) == float("inf") and pace.latency(95) == 0.0
    for i in range(31):
        pace.add(i / 30, 0.001 * i)
    assert pace.rate(31 / 30) == pytest.approx(30.0) and pace.rate(31 / 30 + 9) < 4
    assert pace.age(2.0) == pytest.approx(1.0) and pace.latency(50) == pytest.approx(0.015)


@unhurried
@given(first=st.floats(0.01, 5), factor=st.floats(1, 50), failures=st.integers(1, 30))
def test_back_off_doubles_up_to_its_limit(first, factor, failures):
    longest = first * factor
    back_off = BackOff(first, longest)
    waits = [back_off.failed() for _ in range(failures)]
    assert waits == [min(first * 2**i, longest) for i in range(failures)]
    back_off.succeeded()
    assert back_off.failed() == first


# Which camera.


def plug_in(tmp_path: Path, *, product: str = "Intel(R) RealSense(TM) Depth Camera 435", allowed: bool) -> tuple:
    sys, dev = tmp_path / "sys", tmp_path / "dev"
    (sys / "2-1").mkdir(parents=True)
    for name, value in (("idVendor", "8086"), ("product", product), ("busnum", "2"), ("devnum", "7")):
        (sys / "2-1" / name).write_text(value + "\n")
    (sys / "usb1").mkdir()  # a hub without a product
    if allowed:
        (dev / "002").mkdir(parents=True)
        (dev / "002/007").touch()
    return usb_cameras(sys, dev)


def test_cameras_on_the_bus_and_whether_they_may_be_opened(tmp_path):
    (camera,) = plug_in(tmp_path / "a", allowed=True)
    assert camera.allowed and camera.file.name == "007" and "435" in camera.product
    (camera,) = plug_in(tmp_path / "b", allowed=False)
    assert not camera.allowed
    assert plug_in(tmp_path / "c", product="Bluetooth", allowed=True) == ()


def test_the_camera_asked_for_is_chosen_or_the_error_says_what_is_there(tmp_path):
    from inspire_camera.sources.live import choose

    assert choose("11", ("11", "22"), ()) == "11"
    assert choose("", ("22",), ()) == "22"
    with pytest.raises(CameraError, match="serial_no 33, found 11, 22; set serial_no to one of them"):
        choose("33", ("11", "22"), ())
    with pytest.raises(CameraError, match="expected one RealSense camera, found 2: 11, 22; set serial_no"):
        choose("", ("11", "22"), ())
    with pytest.raises(CameraError, match="may not open; copy config/99-realsense-libusb.rules .* udevadm"):
        choose("11", (), plug_in(tmp_path / "a", allowed=False))
    with pytest.raises(CameraError, match="on the bus, which librealsense cannot open; end other programs"):
        choose("", (), plug_in(tmp_path / "b", allowed=True))
    with pytest.raises(CameraError, match="found none on the USB bus; plug it into a USB 3 port"):
        choose("", (), ())


# Pictures.


def test_the_box_of_the_test_picture_is_where_geometry_puts_it():
    scene = TestPicture(Profile(320, 240, 30), Profile(160, 120, 30))
    for number in (0, 20, 70):
        rgb, depth = scene.picture(number)
        assert rgb.shape == (240, 320, 3) and depth.shape == (120, 160) and set(np.unique(depth)) == {800, 1500}
        for camera, seen, shift in (
            (scene.color, (rgb == BOX_COLOUR).all(axis=2), BASELINE),
            (scene.depth, depth == 800, 0.0),
        ):
            rows, columns = np.nonzero(seen)
            middle = camera.width / 2 + camera.focal * (scene.box_x(number) + shift) / BOX
            assert columns.mean() == pytest.approx(middle, abs=1.0)
            assert np.ptp(columns) + 1 == pytest.approx(2 * BOX_HALF * camera.focal / BOX, abs=1.0)
            assert rows.mean() == pytest.approx(camera.height / 2, abs=1.0)


def test_renders_are_shown_in_turn_and_others_refused(tmp_path):
    rgb = np.arange(2 * 16 * 20 * 3, dtype=np.uint8).reshape(2, 16, 20, 3)
    depth = np.arange(2 * 16 * 20, dtype=np.uint16).reshape(2, 16, 20)
    np.savez(tmp_path / "good.npz", rgb=rgb, depth_mm=depth, focal=18.0)
    renders = Renders.load(tmp_path / "good.npz")
    assert renders.color.width == 20 and renders.depth.height == 16 and renders.color.focal == 18.0
    for number in range(4):
        assert np.array_equal(renders.picture(number)[0], rgb[number % 2])
        assert np.array_equal(renders.picture(number)[1], depth[number % 2])
    for name, arrays, message in (
        ("float", {"rgb": rgb, "depth_mm": depth * 1e-3, "focal": 18.0}, "expected depth_mm uint16 .* found float64"),
        ("grey", {"rgb": rgb[..., 0], "depth_mm": depth, "focal": 18.0}, "expected rgb uint8"),
        ("flat", {"rgb": rgb, "depth_mm": depth, "focal": 0.0}, "expected a focal length above 0"),
        ("bare", {"rgb": rgb}, "expected an .npz with rgb"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(CameraError, match=message):
            Renders.load(tmp_path / f"{name}.npz")
    with pytest.raises(CameraError, match="expected an .npz with rgb"):
        Renders.load(tmp_path / "none.npz")
