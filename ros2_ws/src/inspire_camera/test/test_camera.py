"""A camera without ROS, on the real librealsense: alignment, units, clocks, losses, recordings."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from bench import COLOR, DEPTH, PERIOD, Bench, record, wait

from inspire_camera.camera import Camera
from inspire_camera.errors import CameraError
from inspire_camera.health import State
from inspire_camera.scenes import BASELINE, BOX, BOX_COLOUR, BOX_HALF, TestPicture
from inspire_camera.settings import FILE, LIVE, SYNTHETIC, CameraSettings, Profile, SourceSettings
from inspire_camera.sources.choice import make_source
from inspire_camera.sources.recorded import RecordedSource
from inspire_camera.stamps import SUPPORT, Domain
from inspire_camera.streams import Frame, check_streams

LEGACY = Path(__file__).parent / "legacy.bag"  # recorded by pyrealsense2 2.55, 8 frames of 32x24


class Seen:
    """A running camera and what it saw. Its patience is longer than a busy machine pauses."""

    def __init__(self, source, **settings) -> None:
        defaults = {"color": COLOR, "depth": DEPTH, "frame_timeout": 3.0, "reconnect_delay": 0.05}
        self.frames: list[tuple[Frame, np.ndarray, np.ndarray | None, int]] = []
        self.states: list[tuple[State, str]] = []
        self.camera = Camera(
            source,
            CameraSettings(**{**defaults, **settings}),
            on_frame=self._on_frame,
            on_state=lambda state, reason: self.states.append((state, reason)),
        )
        self.camera.start()

    def _on_frame(self, frame: Frame, stamp: int) -> None:
        # librealsense takes the memory back: what is kept is copied
        self.frames.append((frame, frame.rgb.copy(), None if frame.depth is None else frame.depth.copy(), stamp))

    def with_depth(self):
        return [entry for entry in self.frames if entry[2] is not None]


@pytest.fixture
def see():
    made: list[Seen] = []

    def start(source, **settings) -> Seen:
        made.append(Seen(source, **settings))
        return made[-1]

    yield start
    for seen in made:
        seen.camera.stop()


def test_depth_is_aligned_to_colour(see):
    bench = Bench()
    seen = see(bench)
    wait(lambda: bench.streaming, "start")
    bench.feed_until(lambda: len(seen.with_depth()) >= 5, "frames with depth")
    for frame, rgb, depth, _ in seen.with_depth():
        assert np.array_equal(rgb, bench.scene.picture(frame.number)[0])
        assert depth.shape == rgb.shape[:2] and depth.dtype == np.uint16
        # The box lies in aligned depth where colour shows it, although the two cameras stand apart.
        red = (rgb == BOX_COLOUR).all(axis=2)
        near = depth == 800
        assert (red & near).sum() / (red | near).sum() > 0.9
        _rows, columns = np.nonzero(near)
        focal = frame.intrinsics.fx
        middle = frame.intrinsics.ppx + focal * (bench.scene.box_x(frame.number) + BASELINE) / BOX
        assert columns.mean() == pytest.approx(middle, abs=2.0)
        assert np.ptp(columns) + 1 == pytest.approx(2 * BOX_HALF * focal / BOX, abs=4.0)
        # Beside the box: the wall, or what the depth camera could not see behind it.
        assert set(np.unique(depth[~near])) <= {0, 1500}
        assert frame.intrinsics.fx == frame.intrinsics.fy == pytest.approx(0.95 * 160) and frame.intrinsics.ppx == 80


def test_other_depth_units_come_as_millimetres(see):
    bench = Bench(units=0.0001)  # a D405's
    seen = see(bench)
    wait(lambda: bench.streaming, "start")
    bench.feed_until(seen.with_depth, "frames with depth")
    assert set(np.unique(seen.with_depth()[-1][2])) <= {0, 80, 150}


def test_lost_frames_are_counted_by_their_numbers(see):
    bench = Bench()
    seen = see(bench, align_depth=False)
    wait(lambda: bench.streaming, "start")
    bench.feed(5)
    bench.feed(5, skip=7)
    bench.feed_until(lambda: seen.frames and seen.frames[-1][0].number > 12, "a frame after the lost ones")

    def counted() -> bool:
        health = seen.camera.health
        shown = health.frames == len(seen.frames)
        return shown and health.counts["dropped"] + health.frames == seen.frames[-1][0].number

    wait(counted, "every number, shown or counted as dropped")
    health = seen.camera.health
    assert health.counts["dropped"] >= 7
    assert health.state is State.STREAMING and health.domain == "global_time" and health.clock_error == 0.0
    assert all(depth is None for _, _, depth, _ in seen.frames)
    stamps = [stamp for *_, stamp in seen.frames]
    assert stamps == sorted(set(stamps)) and abs(time.time_ns() - stamps[-1]) < 30e9


def test_an_unplugged_camera_is_lost_looked_for_and_found_again(see):
    bench = Bench()
    seen = see(bench)
    wait(lambda: bench.streaming, "start")
    bench.feed_until(lambda: seen.camera.health.state is State.STREAMING, "frames")
    bench.unplug()
    wait(lambda: sum(state is State.LOST for state, _ in seen.states) >= 3, "attempts to reconnect")
    assert "no frame for 3 s" in seen.states[2][1] and "tried again in 0.05 s" in seen.states[2][1]
    assert "found it unplugged; plug it in; tried again in 0.1 s" in seen.states[3][1]
    before = len(seen.frames)
    bench.plug()
    wait(lambda: bench.streaming, "reconnection")
    bench.feed_until(lambda: len(seen.frames) > before, "frames after the reconnection")
    health = seen.camera.health
    assert health.connections == 2 and health.counts["lost"] == 1
    assert health.counts["dropped"] + len(seen.frames) <= bench.fed, "numbers that begin anew are no loss"
    stamps = [stamp for *_, stamp in seen.frames]
    assert stamps == sorted(set(stamps))


def test_a_hardware_clock_is_translated_once_it_is_known(see):
    bench = Bench(domain=Domain.HARDWARE)
    seen = see(bench, max_clock_error=10.0)  # the machine may be busy
    wait(lambda: bench.streaming, "start")
    began = time.time_ns()
    bench.feed_until(lambda: seen.frames, "frames", clock=lambda: time.monotonic() + 1e5)
    health = seen.camera.health
    assert health.domain == "hardware_clock" and 0.0 <= health.clock_error <= 10.0
    assert health.counts["clock_uncertain"] >= SUPPORT - 1 - health.counts["dropped"]
    assert began < seen.frames[0][3] <= time.time_ns()


def test_a_failing_reader_does_not_end_the_camera(see):
    bench = Bench()
    seen = see(bench)

    def fail(frame, stamp):
        raise KeyError("no room")

    seen.camera._on_frame = fail
    wait(lambda: bench.streaming, "start")
    bench.feed_until(
        lambda: any(state is State.LOST and "KeyError: 'no room'" in reason for state, reason in seen.states), "loss"
    )
    seen.camera._on_frame = seen._on_frame
    wait(lambda: bench.streaming, "reconnection")
    bench.feed_until(lambda: seen.frames, "frames")


# Recordings.


def played(see, file: Path, at_least: int) -> Seen:
    """A recording that was played to its end, once more where a busy machine skipped most of it."""
    for _ in range(10):
        seen = see(RecordedSource(file), color=None, depth=None)
        wait(lambda seen=seen: seen.states and seen.states[-1][0] is State.ENDED, "end of the recording")
        if len(seen.frames) >= at_least:
            return seen
    raise AssertionError(f"{len(seen.frames)} frames at most")


def test_a_recording_of_librealsense_is_played_bit_by_bit(see, tmp_path):
    scene = TestPicture(COLOR, DEPTH)
    record(tmp_path / "a.db3", 10, scene=scene)
    seen = played(see, tmp_path / "a.db3", 5)
    assert seen.camera.health.counts["lost"] == 0
    for frame, rgb, _, _ in seen.frames:
        assert np.array_equal(rgb, scene.picture(frame.number)[0])
    told = [(frame.number, stamp) for frame, *_, stamp in seen.frames]
    first_number, first = told[0]
    assert abs(first - time.time_ns()) < 30e9
    for number, stamp in told:
        assert (stamp - first) * 1e-9 == pytest.approx((number - first_number) * PERIOD, abs=1e-5)


def test_recorded_stamps_and_repetition(see, tmp_path):
    record(tmp_path / "a.db3", 6, scene=TestPicture(COLOR, DEPTH), first=1.6e12)
    settings = SourceSettings(kind=FILE, file=str(tmp_path / "a.db3"), repeat=True, replayed=False)
    seen = see(make_source(settings), color=None, depth=None)
    wait(lambda: len(seen.frames) > len({frame.number for frame, *_ in seen.frames}), "repetition", 60.0)
    assert seen.camera.health.connections >= 2
    for frame, _, _, stamp in seen.frames:
        assert stamp * 1e-6 == pytest.approx(1.6e12 + frame.number * PERIOD * 1e3, abs=0.01)
    assert seen.camera.health.counts["lost"] == 0


def test_a_bag_of_an_older_librealsense_is_played(see):
    seen = played(see, LEGACY, 4)
    assert seen.frames[0][1].shape == (24, 32, 3)
    assert any(depth is not None and 800 in depth for _, _, depth, _ in seen.frames)


def test_files_that_cannot_be_played_are_refused(tmp_path):
    with pytest.raises(CameraError, match="file: expected a recording .* found no file .* absolute path"):
        RecordedSource(tmp_path / "none.bag")
    for name in ("text.bag", "text.db3"):
        (tmp_path / name).write_text("not a recording")
        with pytest.raises(CameraError, match="which it cannot read"):
            RecordedSource(tmp_path / name).connect()


# What the device has.


def test_streams_that_a_device_lacks_are_refused_with_those_it_has():
    bench = Bench()
    device = bench.connect()
    check_streams(device, CameraSettings(color=COLOR, depth=DEPTH))
    with pytest.raises(CameraError, match="color_profile: .* of 640x480x30, found 160x120x30; set it to one of them"):
        check_streams(device, CameraSettings(color=Profile(640, 480, 30), depth=DEPTH))
    with pytest.raises(CameraError, match="depth_profile: .* of 160x120x30, found 96x72x30; set it to one of them"):
        check_streams(device, CameraSettings(color=COLOR, depth=COLOR))
    check_streams(device, CameraSettings(color=COLOR, depth=COLOR, align_depth=False))


def test_a_camera_that_is_already_in_use_is_a_sentence(see):
    bench = Bench()
    device = bench.connect()
    sensor = device.query_sensors()[1]
    sensor.open(sensor.get_stream_profiles())
    bench.connect = lambda: device
    seen = see(bench)
    wait(lambda: any(state is State.LOST for state, _ in seen.states), "loss")
    reason = next(reason for state, reason in seen.states if state is State.LOST)
    assert "expected to start 160x120x30 and depth 96x72x30" in reason and "already opened" in reason
    assert "end other programs that use the camera" in reason
    sensor.close()
    wait(lambda: bench.streaming, "start once it is free")


def test_where_no_camera_is_plugged_in_a_live_source_says_so():
    import pyrealsense2 as rs

    if len(rs.context().query_devices()):
        pytest.skip("a RealSense camera is plugged in")
    with pytest.raises(CameraError, match="expected a RealSense camera with serial_no 12, found"):
        make_source(SourceSettings(kind=LIVE, serial="12")).connect()


@pytest.mark.parametrize("clock", ["global", "system", "hardware"])
def test_the_synthetic_camera_feeds_itself(see, clock):
    settings = SourceSettings(kind=SYNTHETIC, clock=clock, color=COLOR, depth=DEPTH)
    seen = see(make_source(settings), max_clock_error=1.0)
    wait(lambda: len(seen.with_depth()) > 3, "frames")
    assert seen.camera.health.domain == {"global": "global_time", "system": "system_time"}.get(clock, "hardware_clock")
    assert abs(time.time_ns() - seen.frames[-1][3]) < 30e9
    seen.camera.stop()
    assert seen.camera.health.state is State.STOPPED
