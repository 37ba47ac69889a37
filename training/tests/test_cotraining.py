"""Grounding questions beside the actions, and the same questions asked of the bundle at run time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_expert import PRESET, SMALL

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import graph_files
from inspire_policy.programs.grounding import Grounder
from inspire_policy.proprioception import proprioception_vector
from inspire_training import export as exporting
from inspire_training.checkpoint import load_checkpoint
from inspire_training.expert.config import ExpertConfig
from inspire_training.expert.settings import CotrainingSettings
from inspire_training.grounding.answering import EXTRA_TOKENS, generate
from inspire_training.grounding.episodes import GroundedFrame
from inspire_training.grounding.examples import Mixture, parse_mixture
from inspire_training.grounding.records import GroundedObject, GroundingRecord
from inspire_training.grounding.sampler import STILL, GroundingSampler
from inspire_training.grounding.settings import SourceSettings
from inspire_training.grounding.sources import open_sources
from inspire_training.grounding.store import write_frames
from inspire_training.grounding.vocabulary import location_ids
from inspire_training.model.presets import PRESETS
from inspire_training.settings import ExportSettings, TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
SIZE = 128
POSE = np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, PRESET.preset, PRESET)


def frame(seed: int) -> GroundedFrame:
    """A bright box on a dark image, and nothing else: something to be found."""
    rng = np.random.default_rng(seed)
    x, y = (int(v) for v in rng.integers(8, 80, 2))
    box = (x, y, x + 32, y + 24)
    image, segments = np.full((SIZE, SIZE, 3), 30, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    image[y : y + 24, x : x + 32] = (230, 60, 60)
    segments[y : y + 24, x : x + 32] = 1
    milk = GroundedObject(
        name="milk", bbox_xyxy_px=tuple(map(float, box)), point_px=(x + 16.0, y + 12.0), position_base_m=(0.4, 0, 0)
    )
    record = GroundingRecord(
        image_size=(SIZE, SIZE),
        instruction="pick up the milk and place it in the bin",
        objects=(milk,),
        source={"seed": seed, "step": 0},
    )
    images = {"agentview": image, "wrist": np.full((SIZE, SIZE, 3), seed % 255, np.uint8)}
    felt = proprioception_vector(*POSE, 0.0)
    return GroundedFrame(record=record, images=images, proprioception=felt, segments=segments)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grounding") / "part.hdf5"
    write_frames(path, [frame(seed) for seed in range(12)])
    return path


def settings(recording: Path, records: Path, out: Path, **options: object) -> TrainSettings:
    values: dict = {
        "data": (recording,), "out": out, "preset": PRESET.preset, "expert": "dit", "dit": ExpertConfig(**SMALL),
        "grounding": CotrainingSettings(data=(records,), mixture="box=0.5,point=0.5"), "batch": 8, "steps": 3,
        "warmup": 0, "schedule": "constant", "validation_frames": 4, **options,
    }  # fmt: skip
    return TrainSettings(**values)


def test_questions_are_learned_beside_actions_and_resume(recording: Path, records: Path, tmp_path: Path) -> None:
    whole = load_checkpoint(train(settings(recording, records, tmp_path / "whole")))
    assert whole.training["grounding"]["frames_per_question"] == 4.0
    assert whole.tokenizer.token_to_id("<loc_128>") is not None and "milk" in whole.known_objects
    train(settings(recording, records, tmp_path / "cut", steps=2))
    resumed = load_checkpoint(train(settings(recording, records, tmp_path / "cut", resume=True)))
    bare = settings(
        recording, records, tmp_path / "bare", grounding=CotrainingSettings(data=(records,), mixture="box=1")
    )
    other = load_checkpoint(train(bare))
    name = "backbone.model.layers.0.mlp.up_proj.weight"
    state = whole.model.state_dict()
    assert all(torch.equal(value, resumed.model.state_dict()[key]) for key, value in state.items())
    assert not torch.equal(state[name], other.model.state_dict()[name]), "what is asked is learned"


def test_the_bundle_grounds_as_the_model_does(
    recording: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both cameras seen; boxes and points in pixels of the camera's image, by cached passes and by whole ones."""
    run = train(settings(recording, records, tmp_path / "run"))
    start = load_checkpoint(run)
    bundle_of = ExportSettings(checkpoint=run, out=tmp_path / "bundle", frames=recording, parity_frames=2)
    manifest = exporting.export(bundle_of)
    assert set(manifest.grounding.tasks) == {"box", "point"} and manifest.grounding.steps == 128
    bundle = load_bundle(tmp_path / "bundle")
    grounder = Grounder(bundle, make_engine("onnxruntime", graph_files(bundle)))
    sources = open_sources(SourceSettings(data=(records,)), ("agentview", "wrist"), held_out=0)
    mixture = Mixture(sources, [1.0], parse_mixture("box=0.5,point=0.5"))
    sampler = GroundingSampler(mixture, start.config, start.style(), start.tokenizer)
    model, locations = start.model.eval(), torch.tensor(location_ids(start.tokenizer))
    plain = model.backbone.logits

    def locations_alone(hidden: torch.Tensor) -> torch.Tensor:
        """What a model of hardly any training says, if it may say nothing but locations."""
        logits = plain(hidden)
        return torch.full_like(logits, -1e9).index_copy(-1, locations, logits[..., locations])

    monkeypatch.setattr(model.backbone, "logits", locations_alone)
    for task, count in (("box", 4), ("point", 2)):
        for example in mixture.validation(task, 3, held_out=False):
            found = grounder.ground(PolicyObservation(example.images, *POSE, 0.0), "", [(task, "milk")])[0]
            batch, framed = sampler.assemble([example], STILL, np.random.default_rng(0), room=EXTRA_TOKENS)
            _, places = generate(model, batch, count, end=0, pad=0)
            expected = sampler.codec.decode(places.numpy().reshape(-1, 2))
            back = framed[0].way.inverse(example.size)
            expected = back.boxes(expected).reshape(2, 2) if task == "box" else back.points(expected)
            np.testing.assert_allclose(found.points, expected, atol=0.02)
            assert 0.0 < found.confidence <= 1.0 and (found.points >= 0).all() and (found.points <= SIZE).all()


def test_what_names_no_data_is_refused(recording: Path, records: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected data to draw from \(--grounding.data\), found none"):
        CotrainingSettings(ratio=4.0)
    with pytest.raises(ValueError, match="grounding ratio: expected frames per question"):
        CotrainingSettings(data=(records,), ratio=-1.0)
    trace = CotrainingSettings(data=(records,), mixture="trace=1")
    with pytest.raises(ValueError, match="mixture: expected questions of the task trace, found none"):
        train(settings(recording, records, tmp_path / "a", grounding=trace))
    with pytest.raises(FileNotFoundError, match="inspire grounding-data"):
        train(settings(recording, records, tmp_path / "b", grounding=CotrainingSettings(data=(tmp_path / "none",))))
    plain = TrainSettings(
        data=(recording,), out=tmp_path / "plain", preset=PRESET.preset, expert="dit", dit=ExpertConfig(**SMALL),
        batch=2, steps=1, validation_frames=2,
    )  # fmt: skip
    with pytest.raises(ValueError, match="location tokens"):
        train(settings(recording, records, tmp_path / "c", init=train(plain)))
