"""`inspire regenerate`: LIBERO's official files to labelled training data, in parallel, resumable after any kill."""

from __future__ import annotations

import contextlib
import fcntl
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from inspire_training.libero_data.card import CARD_FILE, make_card, write_card
from inspire_training.libero_data.plan import Shard, claim, make_plan, record_path
from inspire_training.libero_data.settings import RegenerateSettings
from inspire_training.libero_data.shards import KEPT, begin_worker, make_shard, remove_partial


def regenerate(settings: RegenerateSettings) -> dict[str, Any]:
    """Make what is missing, then the card, which is returned.

    Raises ValueError, FileNotFoundError on bad input with nothing written; OSError when the disk is full, with whole
    shards only left, from which the same command goes on.
    """
    plan = make_plan(settings)
    settings.out.mkdir(parents=True, exist_ok=True)
    with _alone(settings.out):
        claim(settings.out, plan)
        remove_partial(settings.out)
        missing = [shard for shard in plan.shards if not record_path(settings.out, shard).exists()]
        print(f"{settings.out}: {len(plan.shards)} shards, {len(missing)} to make", flush=True)
        for name, reason in plan.damaged.items():
            print(f"left out {name}: {reason}", flush=True)
        _make(settings, missing)
        records = [json.loads(record_path(settings.out, shard).read_text()) for shard in plan.shards]
        card = make_card(plan.content, records)
        write_card(settings.out, card)
    done = card["demonstrations"]
    left_out = {name: count for name, count in done.items() if name != KEPT}
    print(
        f"{settings.out / CARD_FILE}: {done.get(KEPT, 0)} demonstrations, {card['frames']} frames, "
        f"{card['noops_dropped']} no-ops dropped; left out: {left_out or 'none'}"
    )
    return card


def _make(settings: RegenerateSettings, missing: list[Shard]) -> None:
    begun, frames, cpu = time.monotonic(), 0, 0.0
    for done, record in enumerate(_records(settings, missing), start=1):
        frames += sum(demo.get("frames", 0) for demo in record["demos"].values())
        cpu += record["cpu_s"]
        left = (time.monotonic() - begun) / done * (len(missing) - done)
        kept = sum(demo["outcome"] == KEPT for demo in record["demos"].values())
        print(
            f"[{done}/{len(missing)}, {left / 60:.1f} min left] {record['task']}: {kept} of {len(record['demos'])} "
            f"kept; {frames / max(cpu, 1e-9):.1f} frames/s per core",
            flush=True,
        )


def _records(settings: RegenerateSettings, missing: list[Shard]) -> Iterator[dict[str, Any]]:
    """The records as they come; one worker is this process."""
    if settings.workers == 1 or len(missing) <= 1:
        for shard in missing:
            yield make_shard(settings, shard)
        return
    context = multiprocessing.get_context("spawn")
    workers = min(settings.workers, len(missing))
    with ProcessPoolExecutor(workers, context, initializer=begin_worker, initargs=(os.getpid(),)) as pool:
        futures = [pool.submit(make_shard, settings, shard) for shard in missing]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise OSError(
                "workers: expected them to live, found one that was killed (out of memory?); the same command goes on, "
                "with fewer --workers if memory is short"
            ) from error
        finally:
            for future in futures:
                future.cancel()


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Only one run writes into a folder. Raises ValueError."""
    with open(out / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"out: expected nobody else to write into {out}, found a run that does") from None
        yield


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when something was kept, 1 when nothing was."""
    import tyro

    settings = tyro.cli(RegenerateSettings, prog="inspire regenerate", args=arguments)
    return 0 if regenerate(settings)["frames"] else 1
