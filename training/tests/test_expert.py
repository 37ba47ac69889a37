"""The action expert: bridge, objectives, what it reads, and that a handful of frames can be learned by heart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from test_model import PLAIN

from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job
from inspire_training.batch import TrainingBatch
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.data.frames import open_frames
from inspire_training.data.sampler import FrameSampler
from inspire_training.expert.action_expert import make_expert
from inspire_training.expert.bridge import bridged
from inspire_training.expert.config import ExpertConfig
from inspire_training.expert.objectives import Ddpm, make_objective
from inspire_training.expert.rates import rate_groups
from inspire_training.expert.settings import RateScales
from inspire_training.losses import validation_numbers
from inspire_training.model.backbone import make_backbone
from inspire_training.model.presets import PRESETS, BackboneConfig, FilmVisionConfig, PolicyConfig
from inspire_training.policy_torch import torch_policy
from inspire_training.settings import TrainSettings
from inspire_training.start import config_of, starting_point
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
SMALL = {"width": 48, "layers": 2, "heads": 4, "queries": 8, "repeats": 2}
PRESET = PolicyConfig(
    preset="expert-test",
    vision=FilmVisionConfig(channels=(8, 8, 16, 16), keypoints=8, text_width=16),
    backbone=BackboneConfig(width=48, layers=2, heads=4, kv_heads=2, feed_forward=96),
)


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, PRESET.preset, PRESET)


def make(recording: Path, *, dit: ExpertConfig | None = None, **options: object) -> tuple[Checkpoint, FrameSampler]:
    torch.manual_seed(0)
    settings = TrainSettings(
        data=(recording,), out=recording.parent / "unused", preset=PRESET.preset, expert="dit",
        dit=dit or ExpertConfig(**SMALL), **options,
    )  # fmt: skip
    config = config_of(settings)
    stores = [open_frames(recording, config.cameras, config.chunk_length)]
    start = starting_point(settings, stores)
    sampler = FrameSampler(stores, [1.0], start.config, start.style(), start.codec(), start.tokenizer, start.words)
    return start, sampler


def gradients(start: Checkpoint, batch: TrainingBatch, share: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The expert's loss and its gradients by parameter, with another share at the bridge."""
    model = start.model.eval()
    model.expert.config = dataclasses.replace(model.expert.config, bridge=share)
    model.zero_grad(set_to_none=True)
    errors = model(batch).denoising
    errors.mean().backward()
    return errors.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def test_the_bridge_is_the_identity_forwards_and_an_exact_share_backwards() -> None:
    hidden = torch.randn(4, 5, requires_grad=True)
    wanted = torch.randn(4, 5)
    for share in (0.0, 0.5, 1.0):
        hidden.grad = None
        out = bridged(hidden, share)
        assert torch.equal(out, hidden)
        if share:
            (out * wanted).sum().backward()
            assert torch.equal(hidden.grad, share * wanted)
        else:
            assert not out.requires_grad


def test_the_language_model_gets_exactly_half_of_the_experts_gradient(recording: Path) -> None:
    """Vision also learns straight from the patches, so only what is the language model's own is halved."""
    start, sampler = make(recording)
    with torch.no_grad():  # so that the fresh network says something
        start.model.expert.network.leave.weight.normal_(std=0.1)
    batch = sampler.batch(3, PLAIN, 0)
    whole, full = gradients(start, batch, 1.0)
    same, half = gradients(start, batch, 0.5)
    _, none = gradients(start, batch, 0.0)
    assert torch.equal(whole, same), "the forward pass is the same, bit for bit"
    language = [name for name in full if name.startswith("backbone.model.layers")]
    assert language and all(full[name].abs().sum() > 0 for name in language if "norm" not in name)
    for name in language:
        assert torch.equal(half[name], 0.5 * full[name]), name
        assert name not in none
    for name in full:
        if name.startswith("expert."):
            assert torch.equal(half[name], full[name]), name


@pytest.mark.parametrize("objective", ["flow", "ddpm"])
def test_an_objective_samples_what_its_network_means(objective: str) -> None:
    """With a network that knows the rows, sampling ends at them, whatever the number of steps."""
    rows = torch.tensor([[[0.3, -0.8, 0.0, 0.1, 0.0, -0.2, 1.0]]]).expand(2, 8, 7)
    noise = torch.randn(2, 8, 7)

    def say(noisy: torch.Tensor, time: float) -> torch.Tensor:
        """The right answer at this time, from what `noised` wants there."""
        if objective == "flow":
            return (rows - noisy) / (1.0 - time)
        signal = Ddpm(1, 100).signal[round(time * 100) - 1]
        return (noisy - signal**0.5 * rows) / (1.0 - signal) ** 0.5

    bounds = torch.full((7,), 1.5)
    for steps in (1, 4, 10):
        objective_of = make_objective(ExpertConfig(objective=objective, steps=steps))
        torch.testing.assert_close(objective_of.sample(say, noise, -bounds, bounds), rows, atol=1e-4, rtol=1e-4)
    draws = torch.tensor([0.0, 0.999999])
    noisy, time, wanted = objective_of.noised(rows, noise, draws)
    assert time[0] != time[1] and (time >= 0).all() and (time <= 1).all()
    torch.testing.assert_close(noisy[0], rows[0], atol=0.15, rtol=0.0)  # the first noise level is not quite none
    torch.testing.assert_close(noisy[1], noise[1], atol=0.03, rtol=0.0)
    torch.testing.assert_close(wanted, rows - noise if objective == "flow" else noise)


@pytest.mark.parametrize(
    "options", [{"objective": "flow"}, {"objective": "ddpm", "steps": 10, "condition_dropout": 0.1, "guidance": 1.5}]
)
def test_a_handful_of_frames_is_learned_by_heart(recording: Path, options: dict[str, object]) -> None:
    """What counts is the sampled action, by the steps that the robot samples with and from noise never met."""
    start, sampler = make(recording, dit=ExpertConfig(**{**SMALL, "repeats": 8, "condition_dropout": 0.0, **options}))
    batch = sampler.batch(6, PLAIN, 2)
    model = start.model.eval()
    with torch.no_grad():
        seen = model.perceive(batch.images, batch.proprioception, batch.instruction_ids)
        embeddings = model.embed(batch.token_ids, seen)
        hidden = model.backbone.at_rows(embeddings, batch.attention_bias, batch.expert.context_rows)[None]

    def sampled_error() -> float:
        met = dataclasses.replace(batch.expert, noise=torch.randn(6, 8, 8, 7))
        held = dataclasses.replace(batch, expert=met)
        with torch.no_grad():
            numbers = validation_numbers(model(held), held, torch.from_numpy(sampler.answer_ids), 0.3, 0.05)
        return numbers["chunk_l1"]

    before = sampled_error()
    optimizer = torch.optim.AdamW(model.expert.parameters(), lr=3e-3)
    for step in range(200):
        drawn = dataclasses.replace(
            batch.expert, noise=torch.randn(6, 8, 8, 7), draws=torch.rand(6, 8), untold=torch.rand(6) < 0.1 * (step % 2)
        )
        optimizer.zero_grad()
        model.expert.errors(hidden, seen, drawn, batch.chunk).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.expert.parameters(), 1.0)
        optimizer.step()
    assert sampled_error() < 0.4 * before, (before, sampled_error())


def test_what_the_expert_reads(recording: Path) -> None:
    """Latent frames read the prompt alone, explicit ones the answers too, as do all with an answer to be obeyed."""
    latent = make(recording, dit=ExpertConfig(**SMALL, answers=0.0))[1].batch(16, PLAIN, 0)
    explicit = make(recording, dit=ExpertConfig(**SMALL, answers=1.0))[1].batch(16, PLAIN, 0)
    answers = latent.answer_rows.shape[1]
    assert not latent.expert.context_mask[:, -answers:].any()
    assert torch.equal(explicit.expert.context_mask[:, -answers:], explicit.answer_mask.bool())
    assert torch.equal(explicit.expert.context_rows[:, -answers:], explicit.answer_rows)
    prompt = latent.expert.context_mask[:, :-answers].sum(1)
    assert (prompt < latent.answer_rows[:, 0]).all(), "the prompt ends before the first answer"
    start, sampler = make(recording, dit=ExpertConfig(**SMALL, answers=0.01))
    batch = sampler.batch(64, dataclasses.replace(PLAIN, counterfactual=1.0), 1)
    wrong = (batch.token_ids.gather(1, batch.answer_rows) != batch.answer_ids).any(1)
    shown = batch.expert.context_mask[:, -answers:].any(1)
    assert wrong.sum() > 8 and (shown & wrong).sum() > 0.4 * wrong.sum()
    model = start.model.eval()
    none = dataclasses.replace(batch, expert=dataclasses.replace(batch.expert, untold=torch.ones(64, dtype=torch.bool)))
    with torch.no_grad():
        model.expert.network.leave.weight.normal_(std=0.1)
        assert not torch.allclose(model(batch).denoising, model(none).denoising)


def test_prompts_of_a_control_are_as_long(recording: Path) -> None:
    spatial, padding, none = (
        make(recording, dit=ExpertConfig(**SMALL, prompt=prompt))[0] for prompt in ("spatial", "padding", "none")
    )
    assert none.config.expert.template == "{instruction}"
    assert "Locate their bounding boxes" in spatial.config.expert.template
    lengths = [len(s.style().prefix_ids(s.config.expert.template)) for s in (spatial, padding, none)]
    assert lengths[0] == lengths[1] > lengths[2]
    assert "Locate their" not in padding.config.expert.template


def test_layers_in_between_can_be_read(recording: Path) -> None:
    start, sampler = make(recording, dit=ExpertConfig(**SMALL, language_layers=(0, -1)))
    assert len(start.model.expert.querying.blocks) == 2
    batch = sampler.batch(2, PLAIN, 0)
    model = start.model.eval()
    with torch.no_grad():
        embeddings = model.embed(
            batch.token_ids, model.perceive(batch.images, batch.proprioception, batch.instruction_ids)
        )
        rows = batch.expert.context_rows
        positions = torch.arange(embeddings.shape[1]).expand(2, -1)
        hidden, states = model.backbone.states(embeddings, positions, batch.attention_bias, (0, -1))
        torch.testing.assert_close(hidden, model.backbone(embeddings, positions, batch.attention_bias))
        assert torch.equal(states[1], hidden) and not torch.allclose(states[0], hidden)
        short = model.backbone.at_rows(embeddings, batch.attention_bias, rows)
        torch.testing.assert_close(short, hidden.gather(1, rows[..., None].expand(-1, -1, 48)), atol=1e-5, rtol=1e-4)


def test_rates_by_part(recording: Path) -> None:
    start, _ = make(recording)
    groups = rate_groups(start.model, 0.05, RateScales(language=0.1, expert=1.0, bridge=0.5))
    assert sorted({group["scale"] for group in groups}) == [0.1, 0.5, 1.0]
    scale = {id(p): group["scale"] for group in groups for p in group["params"]}
    assert len(scale) == len(list(start.model.parameters()))
    for name, parameter in start.model.named_parameters():
        expected = 0.1 if name.startswith("backbone") else 1.0 if name.startswith("expert.network") else None
        assert expected is None or scale[id(parameter)] == expected
    assert scale[id(start.model.expert.querying.queries)] == scale[id(start.model.perception.places)] == 0.5
    assert [g["weight_decay"] for g in rate_groups(start.model, 0.05, RateScales())] == [0.05, 0.0]


def test_a_run_resumes_and_an_expert_is_grafted(recording: Path, tmp_path: Path) -> None:
    common = {
        "data": (recording,),
        "preset": PRESET.preset,
        "batch": 4,
        "warmup": 2,
        "schedule": "constant",
        "validation_frames": 8,
    }
    dit = {"expert": "dit", "dit": ExpertConfig(**SMALL)}
    whole = load_checkpoint(train(TrainSettings(out=tmp_path / "whole", steps=3, **common, **dit)))
    train(TrainSettings(out=tmp_path / "cut", steps=2, **common, **dit))
    resumed = load_checkpoint(train(TrainSettings(out=tmp_path / "cut", steps=3, resume=True, **common, **dit)))
    assert isinstance(resumed.config, PolicyConfig) and resumed.config == whole.config
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    plain = train(TrainSettings(out=tmp_path / "plain", steps=1, **common))
    with pytest.raises(ValueError, match="knows the spatial prompt"):
        train(TrainSettings(out=tmp_path / "graft", steps=1, init=plain, **common, **dit))
    bare = {"expert": "dit", "dit": ExpertConfig(**SMALL, prompt="none"), "rate": 0.0}
    grafted = load_checkpoint(train(TrainSettings(out=tmp_path / "graft", steps=1, init=plain, **common, **bare)))
    before = load_checkpoint(plain).model.state_dict()
    kept = [name for name in before if name.startswith(("backbone.", "offset_head."))]
    assert kept and all(torch.equal(before[name], grafted.model.state_dict()[name]) for name in kept)


@pytest.mark.parametrize(("architecture", "options"), [("llama", {}), ("qwen3", {"head_dim": 12})])
def test_another_language_model_serves(
    recording: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, options: dict[str, object]
) -> None:
    """Any decoder of transformers: the same training, and the same states row by row with the robot's cache."""
    backbone = dataclasses.replace(PRESET.backbone, kind="causal_lm", architecture=architecture, options=options)
    monkeypatch.setitem(PRESETS, PRESET.preset, dataclasses.replace(PRESET, backbone=backbone))
    start, sampler = make(recording, dit=ExpertConfig(**SMALL, language_layers=(0, -1)))
    batch = sampler.batch(2, PLAIN, 0)
    model = start.model.eval()
    model(batch).denoising.mean().backward()
    assert model.backbone.model.layers[0].mlp.up_proj.weight.grad is not None
    policy = torch_policy(start)
    images = {c.name: np.full((128, 128, 3), 90, np.uint8) for c in start.config.cameras}
    seen = PolicyObservation(images, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), 1.0)
    job = Job(seen, "put the milk in the bin", ("milk", "bin"))
    tick = policy.tick(job)
    drafted = policy.tick(dataclasses.replace(job, draft={a.object: a.word for a in tick.answers}))
    assert (tick.decoder_passes, drafted.decoder_passes) == (3, 1)
    np.testing.assert_allclose(drafted.rows, tick.rows, atol=1e-4)
    with pytest.raises(ValueError, match="expected the architecture of a causal language model"):
        make_backbone(dataclasses.replace(backbone, architecture="no_such_thing"), 50)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bridge": 2.0}, "expert bridge: expected a number from 0 to 1, found 2.0"),
        ({"bridge": float("nan")}, "expert bridge"),
        ({"guidance": 1.5, "condition_dropout": 0.0}, "expected 1 with condition_dropout 0"),
        ({"chunk_length": 12}, "expected 8 or 16, found 12"),
        ({"objective": "gan"}, "expected one of flow, ddpm"),
        ({"heads": 5}, "expected a divisor"),
    ],
)
def test_settings_of_an_expert_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExpertConfig(**options)


def test_a_backbone_without_the_states_is_refused(recording: Path) -> None:
    backbone = make_backbone(BackboneConfig(width=24, heads=2, layers=2, feed_forward=32), 50)
    with pytest.raises(ValueError, match=r"expected layers from -2 to 1, as the language model has 2, found 5"):
        make_expert(ExpertConfig(language_layers=(0, 5)), backbone)

    class Mute(torch.nn.Module):
        config = backbone.config

    with pytest.raises(ValueError, match="hidden states of its layers"):
        make_expert(ExpertConfig(), Mute())
    with pytest.raises(ValueError, match="counterfactual: expected 0"):
        make(recording, dit=ExpertConfig(**SMALL, answers=0.0), counterfactual=0.2)
    with pytest.raises(ValueError, match="codec: expected none beside"):
        make(recording, codec="bins")
