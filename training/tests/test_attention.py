"""Where policies look: lenses, places of tokens, every kind of checkpoint, shares, sources, pictures and bad input."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from grounding_records import make_frame
from PIL import Image

from inspire_policy.images import ImageGeometry
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job
from inspire_policy.proprioception import proprioception_vector
from inspire_policy.rotations import quaternion_from_rotvec
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import World
from inspire_sim.worlds.registry import make_world
from inspire_training.attention.command import attention
from inspire_training.attention.frames import CAMERA, chosen_frames, pose_of
from inspire_training.attention.layout import token_places
from inspire_training.attention.lenses import LENSES, last_layer, rollout
from inspire_training.attention.mass import coverage, differences, on_object, shares_of, summary, table
from inspire_training.attention.pictures import density, fitted, heated
from inspire_training.attention.reading import Reader
from inspire_training.attention.regions import SceneBoxes
from inspire_training.attention.settings import AttentionSettings
from inspire_training.attention.sources import seen_episodes
from inspire_training.attention.watching import recorded_attention
from inspire_training.checkpoint import Checkpoint, load_checkpoint, write_checkpoint
from inspire_training.data.frames import open_frames
from inspire_training.data.hdf5 import TrajectoryWriter
from inspire_training.data.trajectory import Trajectory
from inspire_training.expert.config import ExpertConfig
from inspire_training.grounding.store import write_frames
from inspire_training.model.presets import PRESETS, BackboneConfig, CameraConfig, FilmVisionConfig, PolicyConfig
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import ImportSettings, RandomRunSettings
from inspire_training.settings import TrainSettings
from inspire_training.start import starting_point

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
VISION = FilmVisionConfig(channels=(8, 8, 16, 16), keypoints=8, keypoint_tokens=2, text_width=16)
BACKBONE = BackboneConfig(width=48, layers=3, heads=4, kv_heads=2, feed_forward=96)
LLAMA = dataclasses.replace(BACKBONE, kind="causal_lm", architecture="llama")
KINDS = {
    "tabletop": (BACKBONE, {}),
    "unasked": (BACKBONE, {"questions": "none"}),
    "llama": (LLAMA, {"codec": "bins"}),
    "expert": (BACKBONE, {"expert": "dit", "dit": ExpertConfig(width=48, layers=2, heads=4, queries=8)}),
    "deep expert": (
        BACKBONE,
        {"expert": "dit", "dit": ExpertConfig(width=48, layers=2, heads=4, queries=8, language_layers=(0, -1))},
    ),
}
TASK, OBJECTS = "pick up the milk and place it in the bin", ("milk", "bin")
POSITION = np.array([0.4, 0.1, 0.2])


def made(recording: Path, monkeypatch: pytest.MonkeyPatch, kind: str, cameras: tuple[str, ...] = ()) -> Checkpoint:
    """A policy of a kind with fresh weights."""
    backbone, options = KINDS[kind]
    seen = {"cameras": tuple(CameraConfig(name=name) for name in cameras)} if cameras else {}
    preset = PolicyConfig(preset="attention-test", vision=VISION, backbone=backbone, **seen)
    monkeypatch.setitem(PRESETS, preset.preset, preset)
    torch.manual_seed(0)
    settings = TrainSettings(data=(recording,), out=recording.parent / "unused", preset=preset.preset, **options)
    start = starting_point(settings, [open_frames(recording, PolicyConfig().cameras, preset.chunk_length)])
    start.model.eval()
    return start


def seen(seed: int = 0, cameras: Sequence[str] = ("agentview", "wrist")) -> PolicyObservation:
    rng = np.random.default_rng(seed)
    images = {name: rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for name in cameras}
    return PolicyObservation(images, POSITION, np.array([1.0, 0.0, 0.0, 0.0]), 0.7)


def test_rollout_follows_attention_through_the_residual_stream() -> None:
    ahead = np.roll(np.eye(3), 1, axis=1)[None]  # every row looks at the next one
    assert np.allclose(last_layer([np.eye(3)[None], ahead]), ahead[0])
    assert np.allclose(rollout([ahead]), 0.5 * np.eye(3) + 0.5 * ahead[0])
    twice = rollout([ahead, ahead])
    assert np.allclose(twice[0], [0.25, 0.5, 0.25]), "half itself, half the next, twice"
    assert np.allclose(rollout([ahead] * 4, residual=1.0), np.eye(3))
    assert np.allclose(twice.sum(axis=1), 1.0)


@pytest.mark.parametrize("kind", list(KINDS))
def test_looks_are_shares_of_the_whole_attention(recording: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    start = made(recording, monkeypatch, kind)
    reader = Reader(start)
    looks = reader.look(seen(), TASK, OBJECTS)
    assert [look.name for look in looks] == [*(OBJECTS if start.config.questions else ()), "action"]
    for look in looks:
        for lens in LENSES:
            assert set(look.maps[lens]) == {"agentview", "wrist"}
            whole = sum(m.sum() for m in look.maps[lens].values()) + look.rest[lens]
            assert whole == pytest.approx(1.0) and all((m >= 0).all() for m in look.maps[lens].values())
            assert 0.05 < 1.0 - look.rest[lens] < 1.0, "some of it falls on the images"
        if look.object:
            assert look.word in start.words.words and sum(look.probabilities) == pytest.approx(1.0)
    other = reader.look(seen(1), TASK, OBJECTS)[-1]
    assert not np.allclose(other.maps["rollout"]["wrist"], looks[-1].maps["rollout"]["wrist"], atol=1e-6)


def test_the_row_that_is_read_is_the_one_that_answers(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole sequence read at once gives the program's probabilities at those rows, whatever computes attention."""
    start = made(recording, monkeypatch, "tabletop")
    reader, observation = Reader(start), seen()
    looks = reader.look(observation, TASK, OBJECTS)
    tick = reader._program.tick(Job(observation, TASK, OBJECTS))
    inputs, ids = reader._inputs(observation.images, TASK)
    felt = observation.proprioception
    with torch.no_grad():
        fed = reader._feed(start.model.perceive(inputs, torch.from_numpy(felt)[None], ids), felt, TASK, tick.answers)
        plain = start.model.backbone(*fed.inputs)
        with recorded_attention(start.model.backbone) as layers:
            watched = start.model.backbone(*fed.inputs)
    torch.testing.assert_close(plain, watched, atol=1e-5, rtol=1e-4)
    assert start.model.backbone.model.config._attn_implementation == "sdpa", "as before"
    word_ids = [start.style().answer_id(word) for word in start.words.words]
    for look, row in zip(looks, fed.said):
        said = start.model.backbone.logits(plain[0, row])[word_ids].softmax(dim=0)
        np.testing.assert_allclose(said.detach().numpy(), look.probabilities, atol=1e-4)
    queries = start.model.head(plain[:, list(fed.action)])[0].detach().numpy()
    np.testing.assert_allclose(start.codec().decode(queries), tick.rows, atol=1e-4)
    assert len(layers) == 3 and all(np.allclose(layer.sum(axis=-1), 1.0, atol=1e-5) for layer in layers)
    later = np.triu(np.ones(layers[0].shape[-2:]), 1).astype(bool)
    later[: fed.prefix, : fed.prefix] = False
    assert all(layer[:, later].max() < 1e-6 for layer in layers), "nothing looks at what comes later"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the published layout, imported."""
    folder = tmp_path_factory.mktemp("published")
    run = write_random_run(RandomRunSettings(out=folder / "run"))
    import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=folder / "checkpoint"))
    return folder / "checkpoint"


def test_an_imported_checkpoint_is_looked_into(imported: Path) -> None:
    reader = Reader(load_checkpoint(imported))
    looks = reader.look(seen(cameras=("agentview",)), "place the milk in the basket", ("milk", "basket"))
    assert [look.name for look in looks] == ["milk", "basket", "action"]
    assert all(look.maps[lens]["agentview"].shape == (4, 4) for look in looks for lens in LENSES)
    assert reader._codes().shape == (7,), "the action is read at the rows of all its codes"


def test_patches_are_where_the_vision_transformer_takes_them_from(imported: Path) -> None:
    policy = load_checkpoint(imported).model
    tower = next(iter(policy.perception.vision.towers.values()))
    blank, marked = (torch.zeros(1, 3, 56, 56) for _ in range(2))
    marked[:, :, 14:28, 42:56] = 1.0  # second row, last column
    with torch.no_grad():
        changed = (tower.patch_embed(marked) - tower.patch_embed(blank)).abs().flatten(2)
    changed = changed.sum(dim=-1 if changed.shape[1] == 16 else 1).flatten()
    [places] = token_places(policy, [torch.zeros(1, 56, 56, 3, dtype=torch.uint8)], torch.zeros(1, 1))
    assert np.argwhere(places[int(changed.argmax())] > 0).tolist() == [[1, 3]]


def test_tokens_of_a_convolutional_tower_come_from_their_squares_and_keypoints(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = made(recording, monkeypatch, "tabletop")
    vision = start.model.perception.vision
    ids = torch.ones(1, start.config.text_length, dtype=torch.long)
    image = torch.from_numpy(seen().images["wrist"][:96, :96].copy())[None]
    first, _ = token_places(start.model, [image, image], ids)
    assert first.shape == (16 + 2, 24, 24) and np.allclose(first.sum(axis=(1, 2)), 1.0)
    assert np.argwhere(first[6] > 0).min(axis=0).tolist() == [6, 12], "second row, third column of the grid"
    with torch.no_grad():
        _, points = vision.towers[0](image, vision.instruction(ids))
    tower, line = vision.towers[0], (np.arange(24) + 0.5) / 24 * 2 - 1
    size = tower.keypoints.weight.detach().reshape(48, 4, 2).square().sum(dim=(0, 2)).sqrt()
    mean = (points[0].reshape(2, 4, 2) * (size / size.sum())[None, :, None]).sum(dim=1)
    centre = np.stack(
        [(first[16:].sum(axis=1) * line).sum(axis=1), (first[16:].sum(axis=2) * line).sum(axis=1)], axis=1
    )
    np.testing.assert_allclose(centre, mean.numpy(), atol=1e-4)


def test_shares_are_one_for_an_even_spread_and_count_every_role() -> None:
    mask = np.zeros((128, 128), dtype=bool)
    mask[:32, :64] = True
    upright = coverage(mask, ImageGeometry(96, 96), 24)
    assert upright.mean() == pytest.approx(1 / 8) and upright[:6, :12].min() == 1.0
    assert coverage(mask, ImageGeometry(96, 96, flip="vertical"), 24)[-6:, :12].min() == 1.0
    cropped = coverage(mask, ImageGeometry(96, 96, crop=0.25), 24)
    assert cropped.sum() == 0.0, "the middle half shows nothing of it"
    even, on = np.full((24, 24), 0.5 / 576), 0.4 * upright / upright.sum()
    assert on_object(even, upright) == pytest.approx((1 / 8, 1 / 8))
    assert on_object(on, upright) == pytest.approx((1.0, 1 / 8))
    covered = {"milk": upright, "bin": upright[::-1], "can": upright[:, ::-1], "lemon": cropped}
    found = []
    for seed, picture in ((1, on), (2, even)):
        found += shares_of(
            seed=seed, step=0, asked="milk", objects=OBJECTS, lens="last", picture=picture, covered=covered
        )
    rows = {row["role"]: row for row in summary(found)}
    assert rows["target"]["times"] == pytest.approx(8 * (1 + 1 / 8) / 2)
    assert rows["target"]["times95"] == pytest.approx([1.0, 8.0]), "two episodes: from the one to the other"
    assert rows["destination"]["mass"] == pytest.approx(1 / 16) and rows["other objects"]["episodes"] == 2
    assert "| last layer | ours | target answer | 45%" in table({"ours": summary(found)})
    half = [dataclasses.replace(share, mass=share.mass / 2) for share in found]
    [row] = differences({"ours": found, "half": half})
    assert row["difference"] == pytest.approx(-8 * (1 + 1 / 8) / 4) and row["difference95"] == pytest.approx([-4, -0.5])


def test_heat_is_in_times_of_an_even_spread() -> None:
    picture = np.full((8, 8), 0.2 / 64)
    assert np.allclose(density(picture), 1.0)
    view = np.full((64, 64, 3), 128, dtype=np.uint8)
    nothing = heated(view, picture, 4.0)
    assert (nothing == nothing[0, 0]).all(), "an even spread has no heat"
    picture[2, 5] = 0.3
    warm = heated(view, picture, 4.0).astype(int) - nothing
    assert warm[20, 44, 0] > 50 and np.abs(warm[50, 10]).max() == 0


def test_long_names_fit_their_place() -> None:
    for words in ("bin", "1.0x on alphabet soup", "In which direction is the " + "very " * 30 + "long thing?"):
        told, face = fitted(words, 12, 100)
        assert face.getlength(told) <= 100 and told[:3] == words[:3]
    assert fitted("bin", 12, 100)[0] == "bin" and fitted(words, 12, 100)[0].endswith("…")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made_world = make_world("tabletop")
    yield made_world
    made_world.close()


def test_boxes_follow_their_objects_by_projection(world: World) -> None:
    """Against masks of the renderer, from the start until the target is in the air."""
    world.reset(11, task="milk_plate")
    start = {state.name: state.position for state in world.truth().objects}
    boxes, expert, overlaps = SceneBoxes(world.view(CAMERA), start), Expert(world.contract), []
    for step in range(60):
        truth = world.truth()
        if step % 6 == 0 and truth.objects[0].grasped:
            mask = boxes.masks({s.name: s.position for s in truth.objects}, (128, 128))["milk"]
            shown = world.view(CAMERA).mask("milk")
            rows, columns = np.nonzero(shown)
            box = np.zeros_like(mask)
            box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            overlaps.append((mask & box).sum() / (mask | box).sum())
        world.step(_osc(expert, truth, world))
    moved = np.linalg.norm(world.truth().objects[0].position - start["milk"])
    assert moved > 0.05 and overlaps and np.mean(overlaps) > 0.6


def _osc(expert: Expert, truth: object, world: World) -> np.ndarray:
    from inspire_policy.action import osc_from_lead

    return osc_from_lead(expert.act(truth), world.contract)  # type: ignore[arg-type]


def test_what_the_arm_feels_survives_the_vector() -> None:
    quaternion = quaternion_from_rotvec(np.array([0.4, -2.0, 0.9]))
    vector = proprioception_vector(POSITION, quaternion, 0.25)
    again = proprioception_vector(*pose_of(vector))
    np.testing.assert_allclose(again, vector, atol=1e-6)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "records" / "part-000000.hdf5"
    write_frames(path, [make_frame(seed) for seed in range(4)])
    return path


def test_the_command_draws_counts_and_compares(
    recording: Path, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for kind in ("tabletop", "unasked"):
        write_checkpoint(tmp_path / kind, made(recording, monkeypatch, kind, ("agentview",)))
    out = tmp_path / "out"
    content = attention(
        AttentionSettings(
            checkpoint=(f"asked={tmp_path / 'tabletop'}", str(tmp_path / "unasked")), data=shard.parent, out=out,
            episodes=3, frames=2, sheets=1, pictures=True,
        )
    )  # fmt: skip
    assert sorted(p.name for p in out.iterdir()) == [
        "asked_last_seed_0.png", "asked_last_seed_0_step_000.png", "asked_rollout_seed_0.png",
        "asked_rollout_seed_0_step_000.png", "attention.json", "unasked_last_seed_0.png",
        "unasked_last_seed_0_step_000.png", "unasked_rollout_seed_0.png", "unasked_rollout_seed_0_step_000.png",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "| rollout | asked | destination answer |" in printed and "| last layer | unasked | action |" in printed
    assert "unasked | target answer" not in printed, "a policy that is not asked has no answers"
    assert json.loads((out / "attention.json").read_text()) == json.loads(json.dumps(content))
    rows = content["summary"]["asked"]
    assert {row["role"] for row in rows} == {"target", "destination"} and all(row["episodes"] == 3 for row in rows)
    with Image.open(out / "asked_last_seed_0.png") as sheet, Image.open(out / "unasked_last_seed_0.png") as smaller:
        assert sheet.width > smaller.width and sheet.mode == "RGB"
        assert len(np.unique(np.asarray(sheet.resize((40, 40))).reshape(-1, 3), axis=0)) > 100, "not a blank sheet"


def test_demonstrations_without_a_world_are_drawn_and_not_counted(
    recording: Path, trajectories: list[Trajectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / "elsewhere.hdf5"
    with TrajectoryWriter(path, env_name="elsewhere") as writer:
        writer.add(trajectories[0])
    write_checkpoint(tmp_path / "run", made(recording, monkeypatch, "tabletop"))
    settings = AttentionSettings(
        checkpoint=(str(tmp_path / "run"),), data=path, out=tmp_path / "out", frames=1, method="last"
    )
    content = attention(settings)
    assert len(content["sheets"]) == 1 and content["summary"] == {"run": []}
    assert "no numbers of objects, pictures alone: world: expected one of tabletop" in capsys.readouterr().out


def test_bad_input_is_named(recording: Path, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = made(recording, monkeypatch, "tabletop", ("agentview",))
    write_checkpoint(tmp_path / "run", start)
    good = AttentionSettings(checkpoint=(str(tmp_path / "run"),), data=shard, out=tmp_path / "out")
    torn = tmp_path / "torn.hdf5"
    torn.write_bytes(b"\x89HDF and then nothing")
    for change, error, message in (
        ({"checkpoint": ()}, ValueError, "expected at least one checkpoint"),
        ({"checkpoint": (str(tmp_path / "nowhere"),)}, FileNotFoundError, "expected checkpoint.json"),
        ({"checkpoint": ("a=x", "a=y")}, ValueError, "expected each folder under a name of its own"),
        ({"data": tmp_path / "nowhere"}, FileNotFoundError, "data: expected a file or folder"),
        ({"data": torn}, ValueError, "data: expected an HDF5 file"),
        ({"seeds": (0, 77)}, ValueError, "with the seeds 77, found none"),
        ({"frames": 0}, ValueError, "frames: expected 1 or more"),
        ({"phase": "before_grasp"}, ValueError, "phase: expected to know when"),
    ):
        with pytest.raises(error, match=message):
            attention(dataclasses.replace(good, **change))
    assert not (tmp_path / "out").exists(), "nothing half-written"
    with pytest.raises(ValueError, match="expected a policy that acts, found one of stage 1"):
        Reader(dataclasses.replace(start, training={"stage": "grounding"}))
    with pytest.raises(ValueError, match="expected cameras agentview"):
        Reader(start).look(seen(cameras=()), TASK, OBJECTS)
    monkeypatch.setattr(start.model.backbone, "model", torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"expected a decoder of transformers .* found Linear with 0"):
        with recorded_attention(start.model.backbone):
            pass


def test_episodes_are_taken_by_seed(shard: Path) -> None:
    found = seen_episodes(shard, ("agentview",), (2,), 1)
    assert [(e.seed, e.instruction, e.objects) for e in found] == [(2, "put the milk in the bin", ("milk", "bin"))]
    assert set(found[0].frames[0].masks) == {"milk", "bin"} and found[0].frames[0].axes["bin"] == 1


def test_frames_are_spread_evenly_and_end_with_the_grasp(shard: Path) -> None:
    [episode] = seen_episodes(shard, ("agentview",), (), 1)
    held = [dataclasses.replace(episode.frames[0], step=step, holding=step >= 6) for step in range(10)]
    episode = dataclasses.replace(episode, frames=tuple(held))
    assert [f.step for f in chosen_frames(episode, 4, before_grasp=False).frames] == [0, 3, 6, 9]
    assert [f.step for f in chosen_frames(episode, 3, before_grasp=True).frames] == [0, 2, 5]
    assert [f.step for f in chosen_frames(episode, 99, before_grasp=True).frames] == list(range(6))
    grasped = dataclasses.replace(episode, frames=episode.frames[6:])
    assert chosen_frames(grasped, 3, before_grasp=True).frames == ()
