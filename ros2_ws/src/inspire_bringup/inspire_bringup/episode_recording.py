"""One recording per instruction, of whoever follows it: which messages belong to it, what it is called, how it ended.

A file is opened when a commander says ACTING, which it does once it holds the lease, and closed when that instruction
ends. The observation that the first action answers comes before: the newest messages of every topic are kept and
written first. Pure: messages go in as bytes, whoever feeds this owns the clock; `state` says how it goes.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inspire_bringup.recording import Recording, RecordingError
from inspire_policy.recordings import (
    DISK_FULL,
    EPISODE,
    FAILURE,
    FAULT,
    INTERRUPTED,
    OUTCOME,
    SCHEMA_VERSION,
    SUCCESS,
    SUFFIX,
    UNJUDGED,
)

PREROLL = 8  # messages of each topic: as far as the news that a commander acts may lag behind its first actions
SLUG_CHARACTERS = 60
ACTION = "inspire/action"  # its stamps are the episode's
_JUDGEMENTS = ("judged_success", "judged_failure")  # what a commander's reason begins with once it was judged


@dataclass(frozen=True)
class RecordedTopic:
    """A topic: its resolved name, its type, and whether a commander's doing comes with it.

    Of what a commander does, nothing from before the last instruction's end belongs to the next one.
    """

    name: str
    datatype: str
    of_commander: bool = False


@dataclass(frozen=True)
class Doing:
    """What a commander says it does."""

    commander: str
    instruction: str
    acting: bool
    reason: str = ""
    faulty: bool = False


@dataclass
class RecorderState:
    """How the recording goes: error (name and text, empty when all is well), the open file, and what was written."""

    error: str = ""
    detail: str = ""
    file: str = ""
    instruction: str = ""
    messages: int = 0
    episodes: int = 0
    lost: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


@dataclass
class _Open:
    recording: Recording
    doing: Doing
    opened: int
    outcome: str = ""
    reason: str = ""
    actions: int = 0
    first: int = 0
    last: int = 0


_Message = tuple[int, str, bytes, "int | None"]  # received ns, topic, CDR, stamp ns


class EpisodeRecorder:
    """See the module. No method raises because a file cannot be written: `state.error` says so by name.

    Args:
        folder: of the files. topics: what is recorded.
        bundle: name of the commander's bundle, told in the files. reserve: bytes of disk that are left to others: below
            that a recording is closed, whole, and none is begun.
        free: bytes free in a folder.
    """

    def __init__(
        self,
        folder: Path,
        topics: tuple[RecordedTopic, ...],
        *,
        bundle: str = "",
        reserve: int = 0,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.state = RecorderState()
        self._folder, self._topics, self._bundle = folder, topics, bundle
        self._reserve, self._free = reserve, free
        self._of_commander = {topic.name for topic in topics if topic.of_commander}
        self._recent: dict[str, deque[_Message]] = {topic.name: deque(maxlen=PREROLL) for topic in topics}
        self._open: _Open | None = None
        self._given_up: tuple[str, str] | None = None  # commander and instruction of a recording that was lost
        self._world_over = True

    def add(self, topic: str, data: bytes, *, received: int, stamp: int | None) -> None:
        """A message: its topic as given in `topics`, CDR bytes, when it came and its own stamp, ns."""
        message = (received, topic, data, stamp)
        recent = self._recent[topic]
        if recent and stamp is not None and recent[-1][3] == stamp:  # a body that waits says the same again
            if recent[-1][2] == data and topic not in self._of_commander:
                return
            recent.pop()
        recent.append(message)
        if self._open is not None:
            self._attempt(lambda: self._write(message))

    def told(self, doing: Doing, *, received: int) -> None:
        """A commander's status: opens, closes or changes nothing."""
        key = (doing.commander, doing.instruction)
        if self._open is not None and doing.commander == self._open.doing.commander:
            if doing.acting and doing.instruction == self._open.doing.instruction:
                return
            if doing.reason.startswith(_JUDGEMENTS):
                self.judged(self._open.doing.instruction, doing.reason.startswith(_JUDGEMENTS[0]), doing.reason)
            self._close(FAULT if doing.faulty else UNJUDGED, doing.reason)
        if not doing.acting:
            if self._given_up is not None and self._given_up[0] == doing.commander:
                self._given_up = None
        elif self._open is None and key != self._given_up:
            self._attempt(lambda: self._begin(doing, received))

    def judged(self, instruction: str, success: bool, reason: str) -> None:
        """Somebody who can tell says how the instruction went; the last word counts."""
        if self._open is not None and instruction == self._open.doing.instruction:
            self._open.outcome, self._open.reason = (SUCCESS if success else FAILURE), reason

    def world_says(self, instruction: str, *, over: bool, success: bool, reason: str) -> None:
        """A simulated world's word about its episode. Only that it has ended now counts, not that it ended before."""
        if over and not self._world_over:
            self.judged(instruction, success, reason)
        self._world_over = over

    def flush(self) -> None:
        """Make what was written so far outlive this process; to be called once a second or more often."""
        if self._open is None:
            return
        self._attempt(self._open.recording.flush)
        if self._open is not None and self._short_of_space():
            self._close(DISK_FULL, self.state.detail, forced=True)
            self.state.error = DISK_FULL

    def close(self) -> None:
        """The recorder ends: a file that is open is closed, its instruction still running."""
        if self._open is not None:
            self._close(INTERRUPTED, "expected the instruction to end first, found the recorder stopped")

    def _begin(self, doing: Doing, received: int) -> None:
        self._given_up = (doing.commander, doing.instruction)  # until the file is open
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._short_of_space():
            raise RecordingError(DISK_FULL, self.state.detail)
        recording = Recording(self._free_path(doing.instruction))
        self._open = _Open(recording, doing, received)
        opening = {"commander": doing.commander, "instruction": doing.instruction, "bundle": self._bundle}
        recording.add_metadata(EPISODE, {"schema_version": SCHEMA_VERSION, **opening, "opened": str(received)})
        for topic in self._topics:
            recording.add_topic(topic.name, topic.datatype)
        for message in sorted((m for recent in self._recent.values() for m in recent), key=lambda m: m[0]):
            self._write(message)
        recording.flush()
        self._given_up = None
        self.state.error = self.state.detail = ""
        self.state.file, self.state.instruction = recording.path.name, doing.instruction

    def _write(self, message: _Message) -> None:
        received, topic, data, stamp = message
        assert self._open is not None
        self._open.recording.write(topic, data, received=received, stamp=stamp)
        self.state.messages += 1
        if topic.endswith(ACTION) and stamp is not None:
            self._open.actions += 1
            self._open.first = self._open.first or stamp
            self._open.last = stamp

    def _close(self, outcome: str, reason: str, *, forced: bool = False) -> None:
        episode = self._open
        assert episode is not None
        if episode.outcome and not forced:
            outcome, reason = episode.outcome, episode.reason
        entries: Mapping[str, str] = {
            "outcome": outcome,
            "reason": reason,
            "first_stamp": str(episode.first),
            "last_stamp": str(episode.last),
            "actions": str(episode.actions),
            "messages": str(episode.recording.messages),
        }

        def finish() -> None:
            episode.recording.flush()  # what follows says that everything before it is there
            episode.recording.add_metadata(OUTCOME, entries)
            episode.recording.close()
            self.state.episodes += 1
            self.state.outcomes[outcome] = self.state.outcomes.get(outcome, 0) + 1

        self._attempt(finish)
        self._end()
        if forced:
            self._given_up = (episode.doing.commander, episode.doing.instruction)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do what may find the disk full; if so, the recording is over and the reason is told."""
        try:
            action()
        except (RecordingError, OSError) as error:
            self.state.error = error.name if isinstance(error, RecordingError) else "not_writable"
            self.state.detail = str(error)
            self.state.lost += 1
            if self._open is not None:
                doing = self._open.doing
                self._given_up = (doing.commander, doing.instruction)
                self._end()

    def _end(self) -> None:
        self._open = None
        self.state.file = self.state.instruction = ""
        for topic in self._of_commander:
            self._recent[topic].clear()

    def _short_of_space(self) -> bool:
        if self._reserve <= 0:
            return False
        free = self._free(self._folder)
        if free >= self._reserve:
            return False
        self.state.detail = (
            f"expected {self._reserve / 1e6:.0f} MB free in {self._folder} to be left to others, found "
            f"{free / 1e6:.0f} MB; free some space. Everything else goes on, without a recording"
        )
        return True

    def _free_path(self, instruction: str) -> Path:
        name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{slug(instruction)}"
        path = self._folder / (name + SUFFIX)
        number = 0
        while path.exists() or path.with_name(path.name + ".partial").exists():
            number += 1
            path = self._folder / f"{name}_{number}{SUFFIX}"
        return path


def slug(instruction: str) -> str:
    """An instruction as part of a file's name: lower-case words with dashes between them."""
    words = re.findall(r"[a-z0-9]+", instruction.lower())
    return "-".join(words)[:SLUG_CHARACTERS].strip("-") or "instruction"
