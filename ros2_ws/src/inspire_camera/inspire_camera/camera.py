"""One camera's life on a thread of its own: connect, stream, lose, wait, connect again.

What it sees goes to `on_frame`, called on that thread. No ROS: time comes from outside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from inspire_camera.counts import DROPPED, LOST, REPEATED, WITHOUT_DEPTH, Counts, FrameNumbers, Pace
from inspire_camera.errors import CameraError
from inspire_camera.health import Health, State
from inspire_camera.reconnect import BackOff
from inspire_camera.settings import CameraSettings
from inspire_camera.sources.base import Source
from inspire_camera.stamps import StampConverter, StampRefused
from inspire_camera.streams import Frame, Streams

POLL = 0.1  # s between two looks at whether to stop
START_TIMEOUT = 10.0  # s that a camera may take to its first frame


class Camera:
    """One camera.

    Args:
        source: where the device comes from. settings: what is wanted of it.
        on_frame: gets each frame and its stamp (ns). on_state: gets each change of the state with its reason.
        now: ROS time, ns. wants_depth: whether anybody looks at depth right now; aligning it costs.
    """

    def __init__(
        self,
        source: Source,
        settings: CameraSettings,
        *,
        on_frame: Callable[[Frame, int], None],
        on_state: Callable[[State, str], None],
        now: Callable[[], int] = time.time_ns,
        wants_depth: Callable[[], bool] = lambda: True,
    ) -> None:
        self._source, self._settings = source, settings
        self._on_frame, self._on_state = on_frame, on_state
        self._now, self._wants_depth = now, wants_depth
        self._state, self._reason = State.STOPPED, ""
        self._connections = 0
        self._counts = Counts()
        self._numbers = FrameNumbers()
        self._pace = Pace()
        self._stamps = self._new_stamps()
        self._back_off = BackOff(settings.reconnect_delay, settings.reconnect_delay_max)
        self._lock = threading.Lock()  # of everything that `health` reads
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"camera {self._settings.name}")
        self._thread.start()

    def stop(self) -> None:
        """Let go of the device and wait until the thread has ended; harmless when stopped."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def health(self) -> Health:
        """How the camera is doing now."""
        with self._lock:
            now = time.monotonic()
            domain = self._stamps.domain
            return Health(
                state=self._state,
                reason=self._reason,
                connections=self._connections,
                rate=self._pace.rate(now),
                age=self._pace.age(now),
                latency_p50=self._pace.latency(50),
                latency_p95=self._pace.latency(95),
                domain=domain.value if domain else "",
                clock_error=self._stamps.clock_error,
                frames=self._counts.frames,
                counts=dict(self._counts.reasons),
            )

    def _run(self) -> None:
        self._set(State.CONNECTING, "")
        while not self._stop.is_set():
            wait = 0.0
            try:
                if self._live_once() and not self._source.repeat:
                    self._set(State.ENDED, "the recording has been played")
                    self._stop.wait()
            except Exception as error:  # whatever it is, the camera is to be tried again
                wait = self._back_off.failed()
                name = "" if isinstance(error, CameraError) else f"{type(error).__name__}: "
                self._set(State.LOST, f"{name}{error}; tried again in {wait:g} s")
            self._stop.wait(wait)
        self._set(State.STOPPED, "")

    def _live_once(self) -> bool:
        """From connecting to the end of the recording (True) or to `stop`. Raises when the camera is lost."""
        streams = None
        try:
            streams = Streams(self._source.connect(), self._settings)
            with self._lock:
                self._numbers.restart()
                self._stamps = self._new_stamps()
            self._source.started()
            return self._stream(streams)
        finally:
            if streams is not None:
                streams.close()
            del streams  # the last reference to the device, so that it can be opened again
            self._source.release()

    def _stream(self, streams: Streams) -> bool:
        patience, last, begun = START_TIMEOUT, time.monotonic(), False
        while not self._stop.is_set():
            frame = streams.read(POLL, depth=self._settings.align_depth and self._wants_depth())
            now = time.monotonic()
            if frame is not None:
                if not begun:
                    begun = True
                    self._back_off.succeeded()
                    with self._lock:
                        self._connections += 1
                    self._set(State.STREAMING, "")
                patience, last = self._settings.frame_timeout, now
                self._take(frame)
            elif self._source.over():
                return True
            elif not streams.connected:
                raise self._lost("unplugged; check cable and port")
            elif now - last > patience:
                raise self._lost(f"no frame for {patience:g} s; check cable, port and USB bandwidth")
        return False

    def _lost(self, what: str) -> CameraError:
        with self._lock:
            self._counts.add(LOST)
        return CameraError(f"camera: expected frames, found {what}")

    def _take(self, frame: Frame) -> None:
        """Count a frame and pass it on with its stamp."""
        arrival = self._now()
        with self._lock:
            missing = self._numbers.missing_before(frame.number)
            if missing < 0:
                self._counts.add(REPEATED)
                return
            if missing:
                self._counts.add(DROPPED, missing)
            try:
                stamp = self._stamps.convert(frame.milliseconds, frame.domain, arrival)
            except StampRefused as refused:
                self._counts.add(refused.name)
                self._reason = str(refused)
                return
            self._reason = ""
            if self._settings.align_depth and not frame.has_depth:
                self._counts.add(WITHOUT_DEPTH)
        self._on_frame(frame, stamp)
        with self._lock:
            self._counts.frames += 1
            self._pace.add(time.monotonic(), (self._now() - stamp) * 1e-9)

    def _new_stamps(self) -> StampConverter:
        return StampConverter(max_error=self._settings.max_clock_error, replayed=self._source.replayed)

    def _set(self, state: State, reason: str) -> None:
        with self._lock:
            self._state, self._reason = state, reason
        self._on_state(state, reason)
