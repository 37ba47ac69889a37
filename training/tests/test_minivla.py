"""MiniVLA here equals MiniVLA put together from plain parts, and one vision pass equals the published many."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import init_empty_weights

from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job
from inspire_policy.sequence import training_sequence
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PRESETS
from inspire_training.policy_torch import TorchPolicy
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.layout import published_groups
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import ImportSettings, RandomRunSettings

from plain_minivla import PlainMiniVLA, load_plain, published_procedure  # isort: skip

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth

OBJECTS = ("milk", "alphabet soup", "basket", "butter")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, PlainMiniVLA]:
    folder = tmp_path_factory.mktemp("published")
    run = write_random_run(RandomRunSettings(out=folder / "run"))
    import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=folder / "checkpoint"))
    checkpoint = load_checkpoint(folder / "checkpoint")
    return checkpoint, load_plain(next(run.glob("checkpoints/*.pt")), checkpoint.config)


def our_logits(checkpoint: Checkpoint, image: torch.Tensor, ids: np.ndarray) -> torch.Tensor:
    model = checkpoint.model
    seen = model.perceive([image])
    rows = model.embed(torch.from_numpy(ids)[None], seen)
    length = rows.shape[1]
    bias = torch.full((length, length), -1e9).triu(1)[None, None].to(rows)
    return model.backbone.logits(model.backbone(rows, torch.arange(length)[None], bias))[0]


def example(checkpoint: Checkpoint, seed: int) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """An image, ids with rows for the image, and the same ids without."""
    rng = np.random.default_rng(seed)
    side = checkpoint.config.vision.size
    image = torch.from_numpy(rng.integers(0, 256, (1, side, side, 3), dtype=np.uint8))
    answers = [("milk", "up"), ("basket", "catch")]
    codes = rng.integers(0, 128, 7).tolist()
    ids = training_sequence(
        checkpoint.style(), "place the milk in the basket", answers, codes=codes, code_values=128
    ).token_ids
    rows = checkpoint.config.perception_tokens
    return image, ids, np.delete(ids, np.arange(1, 1 + rows))


@torch.no_grad()
def test_logits_equal_those_of_plain_parts(imported: tuple[Checkpoint, PlainMiniVLA]) -> None:
    checkpoint, plain = imported
    for seed in range(3):
        image, ids, text = example(checkpoint, seed)
        theirs, ours = plain.logits(image, text), our_logits(checkpoint, image, ids)
        assert theirs.std() > 0.1, "logits that say something"
        assert (theirs - ours).abs().max() <= 1e-4
    try:
        checkpoint.model.to(torch.bfloat16)
        plain.to(torch.bfloat16)
        theirs, ours = plain.logits(image, text).float(), our_logits(checkpoint, image, ids).float()
        assert torch.nn.functional.cosine_similarity(theirs, ours, dim=-1).min() >= 0.9999
    finally:
        plain.to(torch.float32)
        checkpoint.model.to(torch.float32)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, PlainMiniVLA]:
    """Weights of their own: those of `imported` have been rounded to bfloat16."""
    folder = tmp_path_factory.mktemp("exact")
    run = write_random_run(RandomRunSettings(out=folder / "run", seed=1))
    import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=folder / "checkpoint"))
    checkpoint = load_checkpoint(folder / "checkpoint")
    return checkpoint, load_plain(next(run.glob("checkpoints/*.pt")), checkpoint.config)


def same_as_published(checkpoint: Checkpoint, plain: PlainMiniVLA, seeds: range) -> None:
    """One vision pass and a key/value cache against the published procedure, on random images and questions."""
    policy, style, words = TorchPolicy(checkpoint), checkpoint.style(), list(checkpoint.words.words)
    side = checkpoint.config.vision.size
    said, spoken = set(), set()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        objects = tuple(rng.permutation(OBJECTS)[: rng.integers(1, 4)].tolist())
        instruction = f"pick up the {objects[0]} and place it in the {objects[-1]}"
        image = torch.from_numpy(checkpoint.config.cameras[0].geometry.apply(pixels))[None]
        answers, codes, passes = published_procedure(plain, style, image, instruction, objects, words)
        seen = PolicyObservation({"agentview": pixels}, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
        tick = policy.tick(Job(seen, instruction, objects))
        assert tuple(a.word for a in tick.answers) == answers, seed
        np.testing.assert_array_equal(tick.rows, checkpoint.codec().decode(np.array(codes)), err_msg=str(seed))
        assert (tick.vision_passes, passes) == (1, len(objects) + 1)
        said |= set(answers)
        spoken |= {tuple(codes)}
    assert len(said) > 1 and len(spoken) > 1, "inputs that make a difference"


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(50, 500, 50))])
def test_one_vision_pass_gives_what_the_published_procedure_gives(
    exact: tuple[Checkpoint, PlainMiniVLA], first: int, request: pytest.FixtureRequest
) -> None:
    """On 50 inputs; on 500 where slow tests are asked for."""
    if first and "slow" not in (request.config.option.markexpr or ""):
        pytest.skip("450 more inputs take minutes: run with -m 'slow or not slow'")
    same_as_published(*exact, seeds=range(first, first + 50))


def test_the_preset_of_true_size_has_the_published_names_and_shapes() -> None:
    """Without memory for the weights: names and shapes only."""
    with init_empty_weights():
        state = InspirePolicy(PRESETS["minivla-1b"], 151921).state_dict()
    groups = {name: {k: tuple(t.shape) for k, t in g.items()} for name, g in published_groups(state).items()}
    vision, language = groups["vision_backbone"], groups["llm_backbone"]
    assert sum(name.startswith("dino_featurizer.") for name in vision) == 343
    assert sum(name.startswith("siglip_featurizer.") for name in vision) == 342
    assert len(vision) == 685 and len(language) == 24 * 12 + 3
    wanted = {
        "dino_featurizer.reg_token": (1, 4, 1024),
        "dino_featurizer.pos_embed": (1, 256, 1024),
        "dino_featurizer.blocks.23.attn.qkv.weight": (3072, 1024),
        "dino_featurizer.blocks.0.ls1.gamma": (1024,),
        "siglip_featurizer.pos_embed": (1, 256, 1152),
        "siglip_featurizer.blocks.26.mlp.fc1.weight": (4304, 1152),
        "siglip_featurizer.attn_pool.latent": (1, 1, 1152),
    }
    assert {name: vision[name] for name in wanted} == wanted
    assert [groups["projector"][f"projector.{i}.weight"] for i in (0, 2, 4)] == [(8704, 2176), (896, 8704), (896, 896)]
    assert language["llm.lm_head.weight"] == language["llm.model.embed_tokens.weight"] == (151936, 896)
    assert language["llm.model.layers.23.self_attn.k_proj.weight"] == (128, 896)
    assert PRESETS["minivla-1b"].perception_tokens == 256
