"""Many processes, sharded weights, kills, damaged shards and full disks change nothing about what is learned."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from disk import full_disk
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job
from inspire_training.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from inspire_training.data.augmentation import Augmentation
from inspire_training.data.damage import DamagedFile
from inspire_training.data.frames import open_frames
from inspire_training.data.sampler import FrameSampler
from inspire_training.data.shards import open_shards
from inspire_training.policy_torch import TorchPolicy
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import ImportSettings, RandomRunSettings, WriteSettings
from inspire_training.published.training import PUBLISHED
from inspire_training.published.writing import write_published
from inspire_training.scale.curve import read_curve
from inspire_training.scale.utilisation import Arithmetic
from inspire_training.settings import TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(1800)  # seconds of a loaded machine; a quiet one takes a twentieth


@pytest.fixture(scope="module")
def minivla(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("minivla")
    run = write_random_run(RandomRunSettings(out=folder / "run"))
    import_checkpoint(
        ImportSettings(checkpoint_dir=run, vq=run / "vq", out=folder / "checkpoint", objects=("milk", "can", "bin"))
    )
    return folder / "checkpoint"


def settings(recording: Path, minivla: Path, out: Path, **options: Any) -> TrainSettings:
    """The published hyper-parameters on a model for tests: 4 frames a step, in parts of 2."""
    values = {**PUBLISHED, "preset": "minivla-test", "precision": "no", "recompute": False, "readers": 0}
    values |= {"batch": 2, "global_batch": 4, "rate": 1e-3, "steps": 5, "validation_frames": 4, "log_seconds": 0.0}
    return TrainSettings(data=(recording,), init=minivla, out=out, **{**values, **options})


def curve(folder: Path, name: str = "loss") -> list[float]:
    return [line[name] for line in read_curve(folder)]


def begin(told: TrainSettings, **environment: str) -> int:
    """Train in a child, which ends with exit code 0 if that went well; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        os.environ.update(environment)
        AcceleratorState._reset_state(True)
        train(told)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def in_processes(count: int, told: TrainSettings) -> None:
    """Train in several processes that talk through gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    world |= {"GLOO_SOCKET_IFNAME": "lo"}
    children = [begin(told, **world, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(count)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * count


@pytest.fixture(scope="module")
def whole(recording: Path, minivla: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, nothing cut short."""
    out = tmp_path_factory.mktemp("whole")
    train(settings(recording, minivla, out))
    return out


def test_chat_turns_learn_their_ends_and_every_token_counts_the_same(whole: Path) -> None:
    first = read_curve(whole)[0]
    assert {"answers", "codes", "ends"} <= first.keys()
    # 2 answers with an end each, 7 codes, and <|im_end|><|endoftext|>: 4 of 13 tokens are ends, and a model that knows
    # nothing loses about ln(1024) on each.
    assert first["ends"] / first["loss"] == pytest.approx(4 / 13, rel=0.25)
    assert first["loss"] == pytest.approx(first["answers"] + first["codes"] + first["ends"], rel=1e-5)
    assert curve(whole)[-1] < curve(whole)[0] and first["utilisation"] > 0 and 0 <= first["waiting"] <= 1


def test_a_published_model_takes_another_codec_and_question_mode(
    recording: Path, minivla: Path, tmp_path: Path
) -> None:
    options = {"codec": "fast", "fast_codes": 1024, "question_mode": "fine_direction"}
    train(settings(recording, minivla, tmp_path, steps=1, **options))
    checkpoint = load_checkpoint(tmp_path)
    assert (checkpoint.config.codec, checkpoint.config.question_mode) == ("fast", "fine_direction")
    rng = np.random.default_rng(0)
    image = {"agentview": rng.integers(0, 256, (56, 56, 3), dtype=np.uint8)}
    policy = TorchPolicy(checkpoint)
    seen = PolicyObservation(image, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
    tick = policy.tick(Job(seen, "put the milk in the bin", ("milk", "bin")))
    assert tick.rows.shape == (8, 7)
    assert all(a.word == "catch" or len(a.word.split()) == 3 for a in tick.answers)
    with pytest.raises(ValueError, match="has no published layout"):
        write_published(WriteSettings(checkpoint=tmp_path, out=tmp_path / "published"))


def test_a_published_model_takes_the_sentences_of_pi0_fast(recording: Path, minivla: Path, tmp_path: Path) -> None:
    options = {"codec": "fast", "fast_codes": 1024, "style": "pi0_fast"}
    train(settings(recording, minivla, tmp_path, steps=1, **options))
    checkpoint = load_checkpoint(tmp_path)
    style, codec = checkpoint.style(), checkpoint.codec()
    store = open_frames(recording, checkpoint.config.cameras, checkpoint.config.chunk_length)
    parts = (checkpoint.config, style, codec, checkpoint.tokenizer, checkpoint.words)
    batch = FrameSampler([store], [1.0], *parts).batch(4, Augmentation(random_answers=0.0), 0)
    images = checkpoint.config.perception_tokens
    for i in range(4):
        ids = batch.token_ids[i].tolist()[images + 1 :]  # behind the images and <bos>
        text = checkpoint.tokenizer.decode(ids, skip_special_tokens=False)
        assert text.startswith("Task: ") and ", State: " in text and "Question: In which direction" in text
        codes = batch.codes[i][batch.code_mask[i]]
        said = [int(np.flatnonzero(style.code_ids(codec.code_values) == code)[0]) for code in codes.tolist()]
        np.testing.assert_allclose(codec.decode(np.array(said)), batch.chunk[i], atol=0.3)
    states = {
        checkpoint.tokenizer.decode(row.tolist()).partition("State: ")[2].partition(";")[0] for row in batch.token_ids
    }
    assert len(states) > 1, "each frame says its own"
    rng = np.random.default_rng(0)
    image = {"agentview": rng.integers(0, 256, (56, 56, 3), dtype=np.uint8)}
    policy = TorchPolicy(checkpoint)
    policy.check("put the milk in the bin", ("milk", "bin"))
    seen = PolicyObservation(image, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
    tick = policy.tick(Job(seen, "put the milk in the bin", ("milk", "bin")))
    assert policy.horizon == 5 and tick.rows.shape == (8, 7)
    assert {a.word for a in tick.answers} <= set(checkpoint.words.words)


def test_two_processes_give_the_curve_of_one(recording: Path, minivla: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected several processes"):
        train(settings(recording, minivla, tmp_path / "one", shard=True))
    with pytest.raises(ValueError, match="expected a multiple of batch x processes .2 x 1., found 5"):
        train(settings(recording, minivla, tmp_path / "odd", global_batch=5))
    in_processes(2, settings(recording, minivla, tmp_path / "two", steps=3))
    np.testing.assert_allclose(curve(tmp_path / "two"), curve(whole)[:3], rtol=1e-4)


def test_sharded_and_recomputed_it_is_the_same_and_goes_on_in_one(
    recording: Path, minivla: Path, whole: Path, tmp_path: Path
) -> None:
    told = settings(recording, minivla, tmp_path / "run", steps=3, shard=True, recompute=True)
    in_processes(2, told)
    assert set(load_checkpoint(tmp_path / "run").model.state_dict()) == set(load_checkpoint(whole).model.state_dict())
    train(settings(recording, minivla, tmp_path / "run", resume=True, readers=1))
    np.testing.assert_allclose(curve(tmp_path / "run"), curve(whole), rtol=1e-3)
    in_processes(2, settings(recording, minivla, tmp_path / "half", steps=2, shard=True, precision="bf16"))
    np.testing.assert_allclose(curve(tmp_path / "half"), curve(whole)[:2], rtol=0.05)


def test_a_killed_run_goes_on_bit_for_bit(recording: Path, minivla: Path, whole: Path, tmp_path: Path) -> None:
    child = begin(settings(recording, minivla, tmp_path, steps=10_000, checkpoint_steps=2))
    while len(read_curve(tmp_path)) < 3:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "ended by itself"
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    done = load_checkpoint(tmp_path).step
    assert done >= 2 and done % 2 == 0
    last = max(5, done + 1)
    train(settings(recording, minivla, tmp_path, steps=last, resume=True))
    assert [line["step"] for line in read_curve(tmp_path)] == list(range(1, last + 1))
    assert curve(tmp_path)[:5] == curve(whole)


def test_arithmetic_is_what_torch_counts(recording: Path, minivla: Path) -> None:
    start = load_checkpoint(minivla)
    store = open_frames(recording, start.config.cameras, start.config.chunk_length)
    parts = (start.config, start.style(), start.codec(), start.tokenizer, start.words)
    batch = FrameSampler([store], [1.0], *parts).batch(2, Augmentation(), 0)
    ours, theirs = Arithmetic(), FlopCounterMode(display=False)
    with torch.no_grad():
        with ours.counting(start.model):
            start.model(batch)
        with theirs, sdpa_kernel(SDPBackend.MATH):  # the faster ways of attention are not counted on CPUs
            start.model(batch)
    ours.add_decoder(start.model, batch)
    assert ours.trained == pytest.approx(theirs.get_total_flops(), rel=0.1)
    start.model.requires_grad_(False)
    frozen = Arithmetic()
    with frozen.counting(start.model):
        start.model(batch)
    assert frozen.trained == 0 and frozen.of_a_step == frozen.frozen > 0


@pytest.fixture
def folder(recording: Path, tmp_path: Path) -> Path:
    """Three shards, one of which was never one."""
    for name in ("a", "b"):
        shutil.copy(recording, tmp_path / f"{name}.hdf5")
    (tmp_path / "c.hdf5").write_bytes(recording.read_bytes()[:5000])
    return tmp_path


def test_damaged_shards_are_left_out_and_damaged_frames_skipped(folder: Path, minivla: Path) -> None:
    start, told = load_checkpoint(minivla), []
    cameras, length = start.config.cameras, start.config.chunk_length
    shards = open_shards([folder], [], cameras, length, say=told.append)
    assert [store.source for store in shards.stores] == ["a.hdf5", "b.hdf5"] and list(shards.damaged) == ["c.hdf5"]
    assert "1 of 3 files" in told[-1]
    with pytest.raises(DamagedFile, match="c.hdf5"):
        open_shards([folder / "c.hdf5"], [], cameras, length, say=told.append)
    parts = (start.config, start.style(), start.codec(), start.tokenizer, start.words)
    sampler = FrameSampler(shards.stores, shards.weights, *parts)
    images = folder / "b.hdf5.frames" / "agentview.bin"
    content = bytearray(images.read_bytes())
    content[: len(content) // 2 : 1000] = bytes(len(range(0, len(content) // 2, 1000)))  # the first half is changed
    images.write_bytes(content[: len(content) * 3 // 4])  # the last quarter is gone
    first, again = sampler.batch(32, Augmentation(), 0, 1), sampler.batch(32, Augmentation(), 0, 1)
    assert torch.equal(first.token_ids, again.token_ids) and torch.equal(first.images[0], again.images[0])
    assert sampler.damaged["b.hdf5"] > 4 and not sampler.damaged["a.hdf5"]
    healed = open_frames(folder / "b.hdf5", cameras, length)  # what was built is made again from the file
    assert healed.images[0][0].shape == (56, 56, 3)


def test_a_shard_damaged_in_the_middle_of_training_costs_its_frames_alone(
    recording: Path, minivla: Path, tmp_path: Path
) -> None:
    shard, out = Path(shutil.copy(recording, tmp_path / "shard.hdf5")), tmp_path / "run"
    child = begin(settings(shard, minivla, out, steps=10_000, checkpoint_steps=1))

    def wait_for(done: Callable[[], bool]) -> None:
        while not done():
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "ended by itself"
            time.sleep(0.01)

    try:
        wait_for(lambda: len(read_curve(out)) >= 2)
        with open(tmp_path / "shard.hdf5.frames/agentview.bin", "r+b") as images:
            images.write(bytes(os.fstat(images.fileno()).st_size // 2))
        wait_for(lambda: curve(out, "damaged")[-1] > 0)
        found = len(read_curve(out))
        wait_for(lambda: len(read_curve(out)) >= found + 2)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    last = load_checkpoint(out).step + 1
    train(settings(shard, minivla, out, steps=last, resume=True))
    assert [line["step"] for line in read_curve(out)] == list(range(1, last + 1))
    assert np.isfinite(curve(out)).all()


def test_a_full_disk_is_told_and_the_run_stays_resumable(recording: Path, whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    before = find_checkpoint(run)
    checkpoint = load_checkpoint(run)
    with full_disk(50_000), pytest.raises(OSError, match="expected room for step-0000009.*--resume"):
        save_checkpoint(run, type(checkpoint)(**{**vars(checkpoint), "step": 9}), {"network": {}})
    assert find_checkpoint(run) == before and sorted(p.name for p in before.parent.iterdir()) == [before.name]
    copy = shutil.copy(recording, tmp_path / "shard.hdf5")
    with full_disk(50_000), pytest.raises(OSError, match="expected room for the frames of shard.hdf5"):
        open_frames(copy, checkpoint.config.cameras, checkpoint.config.chunk_length)
    assert not list(tmp_path.glob("shard.hdf5.frames*"))
