"""`inspire exactness`: does the robot's way of decoding say exactly what plain greedy decoding says?

Recorded observations are played, episode by episode, through a bundle's own engine with each tick's draft taken from
the tick before, as the policy node does, and through the published procedure in eager PyTorch, single precision: each
question a full pass of its own, no cache between them, no draft. Answers and action codes must be the same tokens; of
a continuous chunk the largest difference is told. Where an answer differs, so is how far apart the two were in the
eager logits: far below the precision of a sum in float32 it is a tie, and its side is no property of the model.

Finished files of episodes are kept in `out`; the same command goes on with what is missing.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from inspire_policy.bundle import find_bundle, load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.programs.base import Job, Program, Tick, graph_files, make_program
from inspire_training.checkpoint import load_checkpoint
from inspire_training.data.hdf5 import demonstration_files, read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.evaluation.folder import weights_of, write_file
from inspire_training.settings import ExactnessSettings
from inspire_training.speed.published_procedure import PublishedProcedure

FILES, RESULT = "files.jsonl", "result.json"
Share = tuple[Path, tuple[int, ...]]


@dataclass(frozen=True)
class Pair:
    """The same policy in both ways."""

    fast: Program
    plain: PublishedProcedure

    @classmethod
    def load(cls, settings: ExactnessSettings) -> Pair:
        """Raises BundleError, EngineError, FileNotFoundError, ValueError."""
        torch.set_num_threads(1)
        bundle = load_bundle(find_bundle(settings.bundle))
        checkpoint = load_checkpoint(settings.checkpoint)
        if checkpoint.config.expert is not None:
            raise ValueError("exactness: expected a checkpoint without an action expert, found one with it")
        fast = make_program(bundle, make_engine(settings.engine, graph_files(bundle), threads=1))
        return cls(fast, PublishedProcedure(checkpoint))


def exactness(settings: ExactnessSettings) -> dict[str, Any]:
    """Play all observations, print and write the result, and return it. Raises as `Pair.load` does."""
    shares = list(planned(settings))
    settings.out.mkdir(parents=True, exist_ok=True)
    claim = {"weights": weights_of(settings.bundle), "checkpoint": str(settings.checkpoint), "engine": settings.engine}
    done = _finished(settings.out / FILES, claim)
    missing = [share for share in shares if _name(share) not in done]
    began, played = time.monotonic(), 0
    for found in _played(settings, missing):
        done[found["file"]] = found
        with open(settings.out / FILES, "a") as stream:
            stream.write(json.dumps({**claim, **found}) + "\n")
        played += found["ticks"]
        print(
            f"[{sum(f['ticks'] for f in done.values())} of {settings.ticks} ticks, "
            f"{played / (time.monotonic() - began):.1f} a second] {found['file']}: "
            f"{len(found['different'])} of {found['tokens']} tokens differ",
            flush=True,
        )
    content = {**claim, **summary([done[_name(share)] for share in shares])}
    write_file(settings.out / RESULT, json.dumps(content, indent=1) + "\n")
    print(text(content))
    return content


def _played(settings: ExactnessSettings, shares: Sequence[Share]) -> Iterator[dict[str, Any]]:
    """The results of shares in the order in which they end, of as many processes as are wanted."""
    workers = min(settings.workers, len(shares))
    if workers > 1:
        with multiprocessing.get_context("spawn").Pool(workers, _load, (settings,)) as pool:
            yield from pool.imap_unordered(_play, shares)
    elif shares:
        _load(settings)
        yield from map(_play, shares)


def planned(settings: ExactnessSettings) -> Iterator[Share]:
    """Files with how many ticks to play of each of their episodes, `ticks` in all. Raises ValueError when there are
    too few.
    """
    left = settings.ticks
    for path in demonstration_files(settings.data):
        with h5py.File(path) as file:
            frames = [
                int(file[f"data/demo_{i}"].attrs["num_samples"]) for i in range(int(file["data"].attrs["num_demos"]))
            ]
        counts: list[int] = []
        for length in frames:
            counts.append(min(left, -(-length // settings.every)))
            left -= counts[-1]
        if sum(counts):
            yield path, tuple(counts)
    if left:
        raise ValueError(
            f"exactness: expected {settings.ticks} ticks in the recordings, found {settings.ticks - left}; give more "
            "--data or a smaller --every"
        )


def compared(pair: Pair, episode: Trajectory, ticks: int, every: int) -> dict[str, Any]:
    """Play the first `ticks` of an episode, one in `every` frames: counts, and each token that differs."""
    draft: dict[str, str] = {}
    found: dict[str, Any] = {"ticks": 0, "tokens": 0, "passes": 0, "held": 0, "rows": 0.0, "different": []}
    for frame in range(0, ticks * every, every):
        job = Job(episode.observation(frame), episode.instruction, episode.objects)
        fast, plain = pair.fast.tick(replace(job, draft=draft)), pair.plain.tick(job)
        draft = {answer.object: answer.word for answer in fast.answers}
        found["ticks"] += 1
        found["tokens"] += len(plain.answers) + pair.plain.codes
        found["passes"] += fast.decoder_passes
        found["held"] += fast.decoder_passes == 1 + max(0, pair.plain.codes - 1)
        found["rows"] = max(found["rows"], float(np.abs(fast.rows - plain.rows).max()))
        found["different"] += [{"seed": episode.seed, "frame": frame, **d} for d in _differences(fast, plain, pair)]
    return found


def _differences(fast: Tick, plain: Tick, pair: Pair) -> Iterator[dict[str, Any]]:
    """Answers that differ, with their distance in the eager logits; a chunk of codes counts as one token."""
    for mine, theirs in zip(fast.answers, plain.answers, strict=True):
        if mine.word != theirs.word:
            apart = None
            if theirs.probabilities:
                order = pair.plain.answer_number
                shares = [theirs.probabilities[order[word]] for word in (theirs.word, mine.word)]
                apart = math.log(shares[0] / shares[1])
            yield {"object": mine.object, "engine": mine.word, "eager": theirs.word, "apart": apart}
            return  # what follows another answer is another sequence
    if pair.plain.codes and not np.array_equal(fast.rows, plain.rows):
        yield {"object": "action codes", "engine": "", "eager": "", "apart": None}


def summary(files: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums over files."""
    files = list(files)
    different = [d for f in files for d in f["different"]]
    ticks, passes = sum(f["ticks"] for f in files), sum(f["passes"] for f in files)
    return {
        "ticks": ticks,
        "tokens": sum(f["tokens"] for f in files),
        "different_tokens": len(different),
        "decoder_passes_per_tick": round(passes / max(1, ticks), 3),
        "drafts_held": round(sum(f["held"] for f in files) / max(1, ticks), 4),
        "largest_chunk_difference": max((f["rows"] for f in files), default=0.0),
        "different": different,
    }


def text(content: Mapping[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{content['ticks']} ticks, {content['tokens']} tokens: {content['different_tokens']} differ from eager "
        f"greedy decoding; chunks within {content['largest_chunk_difference']:.1e}",
        f"decoder passes per tick {content['decoder_passes_per_tick']:.2f}; {100 * content['drafts_held']:.1f} % of "
        "the drafts held",
    ]
    lines += [
        f"  seed {d['seed']}, frame {d['frame']}, {d['object']}: {d['engine']} for {d['eager']}, apart by {d['apart']}"
        for d in content["different"][:20]
    ]
    return "\n".join(lines)


_pair: tuple[Pair, int] | None = None


def _load(settings: ExactnessSettings) -> None:
    global _pair
    _pair = Pair.load(settings), settings.every


def _play(share: Share) -> dict[str, Any]:
    assert _pair is not None
    path, counts = share
    parts = [
        compared(_pair[0], episode, ticks, _pair[1]) for episode, ticks in zip(read_trajectories(path), counts) if ticks
    ]
    sums: dict[str, Any] = {key: sum(p[key] for p in parts) for key in ("ticks", "tokens", "passes", "held")}
    different = [d for p in parts for d in p["different"]]
    return {"file": _name(share), **sums, "rows": max(p["rows"] for p in parts), "different": different}


def _name(share: Share) -> str:
    """What tells a share from others: its file, and how much of it is played."""
    path, counts = share
    return f"{path.parent.name}/{path.name}:{sum(counts)}"


def _finished(path: Path, claim: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Finished shares of the same weights; a last line that was cut off is left out."""
    found = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if all(content.get(key) == value for key, value in claim.items()):
            found[content["file"]] = content
    return found
