"""The video of an episode, drawn while it runs: cameras, instruction, answers and, where they are wrong, the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inspire_policy.overlay import draw_overlay
from inspire_policy.scoring import Scoring
from inspire_sim.results import EpisodeResult, EpisodeSpec
from inspire_sim.worlds.base import World
from inspire_training.protocol.commanders import Commander
from inspire_training.protocol.episode import Moment, run_episode


def write_film(world: World, commander: Commander, spec: EpisodeSpec, path: str) -> EpisodeResult:
    """Run an episode and write its mp4, which appears only when it is complete. Raises OSError on a full disk."""
    import imageio_ffmpeg

    pictures: list[np.ndarray] = []

    def draw(moment: Moment) -> None:
        rows = len(moment.truth)
        line = _line(moment, commander.scoring)
        picture = draw_overlay(
            moment.views, line, commander.words, moment.answers[:rows], rows=rows, question_mode=commander.scoring.mode
        )
        pictures.append(picture)

    result = run_episode(world, commander, spec, watch=draw)
    target = Path(path)
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    target.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = pictures[0].shape
    writer = imageio_ffmpeg.write_frames(
        str(partial), (width, height), fps=world.contract.control_rate_hz, codec="libx264", quality=None,
        macro_block_size=2, output_params=["-crf", "20", "-preset", "veryfast", "-threads", "1"],
    )  # fmt: skip
    try:
        writer.send(None)
        for picture in pictures:
            writer.send(picture)
        writer.close()
        found = int(imageio_ffmpeg.count_frames_and_secs(str(partial))[0]) if partial.is_file() else 0
        if found != len(pictures):
            raise OSError(f"expected {len(pictures)} frames in {target}, found {found}; is the disk full?")
        partial.replace(target)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return result


def _line(moment: Moment, scoring: Scoring) -> str:
    right = moment.truth
    wrong = [
        f"{a.object} is {right[a.object].word}"
        for a in moment.answers
        if a.object in right and scoring.key(a.word, int(a.axis)) != right[a.object].key
    ]
    return f"{moment.step}: {moment.instruction}" + (f"  (in truth {', '.join(wrong)})" if wrong else "")
