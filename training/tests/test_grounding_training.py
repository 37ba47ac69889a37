"""Stage 1: mixtures, batches, losses, the loop and the evaluation, on pictures of two boxes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from grounding_records import make_frame

from inspire_training.checkpoint import load_checkpoint
from inspire_training.grounding.answering import Reply, read_reply
from inspire_training.grounding.batch import answer_logits, grounding_loss
from inspire_training.grounding.evaluation import grounding_eval
from inspire_training.grounding.examples import Mixture, RecordSource, parse_mixture
from inspire_training.grounding.llava import LlavaSource
from inspire_training.grounding.metrics import (
    Baseline,
    frechet_distance,
    intersection_over_union,
    macro_f1,
    quality,
    score,
)
from inspire_training.grounding.pictures import COLUMNS, SAID, SIDE, draw_sheet
from inspire_training.grounding.policy_learner import fresh_start
from inspire_training.grounding.prompt import TASKS, spatial_prompt
from inspire_training.grounding.sampler import STILL, Framing, GroundingSampler
from inspire_training.grounding.settings import GroundingEvalSettings, GroundingTrainSettings
from inspire_training.grounding.store import open_store, write_frames
from inspire_training.grounding.training import train_grounding
from inspire_training.model.presets import PRESETS, BackboneConfig, FilmVisionConfig

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
SMALL = dataclasses.replace(
    PRESETS["tabletop-grounded"],
    vision=FilmVisionConfig(channels=(8, 8, 16, 16), keypoints=8, keypoint_tokens=2, keypoint_bands=4, text_width=16),
    backbone=BackboneConfig(width=48, layers=2, heads=4, kv_heads=2, feed_forward=64),
)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grounding") / "part-000000.hdf5"
    write_frames(path, [make_frame(seed) for seed in range(60)])
    return path


@pytest.fixture(scope="module")
def source(shard: Path) -> RecordSource:
    return RecordSource(open_store([shard]), "drawn")


def sampler_of(source: RecordSource, mixture: str) -> tuple[GroundingSampler, object]:
    torch.manual_seed(0)
    start = fresh_start(SMALL, [source])
    drawn = Mixture([source], [1.0], parse_mixture(mixture))
    return GroundingSampler(drawn, SMALL, start.style(), start.tokenizer), start


def test_shards_hold_what_was_written_and_masks_are_found(shard: Path) -> None:
    store, frame = open_store([shard.parent]), make_frame(7)
    assert store.records[7] == frame.record
    assert np.array_equal(store.images["agentview"][7], frame.images["agentview"])
    mask, box = store.mask(7, "bin"), frame.record.objects[1].bbox_xyxy_px
    assert mask is not None and box is not None and mask.sum() == (box[2] - box[0]) * (box[3] - box[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [("box", "TASK=RATIO"), ("box=-1", "ratios from 0"), ("rhyme=1", "ratios from 0"), ("box=0", "at least one")],
)
def test_a_wrong_mixture_is_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_mixture(text)


def test_a_ratio_that_names_no_data_is_a_clear_error(tmp_path: Path) -> None:
    frame = make_frame(1)
    record = dataclasses.replace(frame.record, trace_px=None, flags={"trace": False, "direction": True, "plan": True})
    write_frames(tmp_path / "a.hdf5", [dataclasses.replace(frame, record=record)])
    bare = RecordSource(open_store([tmp_path]), "a.hdf5", held_out=0)
    with pytest.raises(ValueError, match=r"expected questions of the task trace, found none in a\.hdf5"):
        Mixture([bare], [1.0], parse_mixture("box=0.5,trace=0.5"))


def test_tasks_are_drawn_by_their_ratios(source: RecordSource) -> None:
    mixture, rng = Mixture([source], [1.0], parse_mixture("box=0.6,trace=0.3,plan=0.1")), np.random.default_rng(0)
    drawn = [mixture.draw(rng).task for _ in range(1000)]
    assert [
        abs(drawn.count(task) / 1000 - share) < 0.05 for task, share in (("box", 0.6), ("trace", 0.3), ("plan", 0.1))
    ]


def test_the_question_of_a_plan_is_the_spatial_prompt_and_the_loss_sees_answers_only(source: RecordSource) -> None:
    sampler, start = sampler_of(source, "plan=1")
    example = source.example("plan", 0, held_out=False)
    assert example.prompt.prompt == spatial_prompt(example.prompt.condition) and not example.prompt.question
    batch, _ = sampler.assemble([example], STILL, np.random.default_rng(0))
    assert batch.answer_mask.sum() == 9  # two boxes and the end
    model = start.model.eval()  # type: ignore[attr-defined]
    changed = batch.token_ids.clone()
    changed[0, batch.answer_rows[0, -1]] = 0  # nothing may be read off the row that is predicted
    assert torch.allclose(
        answer_logits(model, batch), answer_logits(model, dataclasses.replace(batch, token_ids=changed))
    )


def test_a_batch_follows_its_seed_and_coordinates_follow_the_window(source: RecordSource) -> None:
    sampler, _ = sampler_of(source, "box=1")
    first, again = (sampler.batch(8, Framing(), 0, 5) for _ in range(2))
    assert torch.equal(first.token_ids, again.token_ids) and torch.equal(first.images[0], again.images[0])  # type: ignore[arg-type]
    assert first.images[1] is None  # nobody looked through the wrist camera
    examples = [source.example("box", n, held_out=False) for n in range(20)]
    batch, framed = sampler.assemble(examples, Framing(window=0.1, colour=0.0), np.random.default_rng(3))
    for index, item in enumerate(framed):
        x0, y0, x1, y1 = item.answer.values[0]
        image = batch.images[0][index].numpy().astype(int)  # type: ignore[index]
        colour = (220, 30, 30) if item.example.subject == "milk" else (30, 30, 220)
        there = np.abs(image - colour).max(axis=2) < 60
        columns, rows = np.flatnonzero(there.any(axis=0)), np.flatnonzero(there.any(axis=1))
        assert abs(columns[0] - x0) <= 1 and abs(columns[-1] + 1 - x1) <= 1
        assert abs(rows[0] - y0) <= 1 and abs(rows[-1] + 1 - y1) <= 1


def test_soft_neighbours_prefer_the_near_over_the_far(source: RecordSource) -> None:
    sampler, start = sampler_of(source, "box=1")
    batch = sampler.batch(4, STILL, 0, 0)

    class Says:
        """A model that says the right answer moved by some steps."""

        def __init__(self, moved: int) -> None:
            self.moved = moved
            self.perception = lambda *_: (torch.zeros(4, 0, 1), None)
            self.embed = lambda tokens, seen: tokens
            self.backbone = self

        def at_rows(self, *_: object) -> torch.Tensor:
            return torch.where(batch.answer_places >= 0, batch.answer_ids + self.moved, batch.answer_ids)

        def logits(self, ids: torch.Tensor) -> torch.Tensor:
            return 8.0 * torch.nn.functional.one_hot(ids, start.tokenizer.get_vocab_size() + 40).float()  # type: ignore[attr-defined]

    near, far = (grounding_loss(Says(moved), batch, spread=1.0) for moved in (1, 9))
    hard_near, hard_far = (grounding_loss(Says(moved), batch, spread=0.0) for moved in (1, 9))
    assert near < far - 1.0 and torch.isclose(hard_near, hard_far)


def test_a_run_that_was_cut_goes_on_and_is_evaluated_beside_its_baseline(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "tabletop-grounded", SMALL)

    def run(out: Path, steps: int, **options: object) -> Path:
        values = {"batch": 8, "warmup": 2, "schedule": "constant", "validation_examples": 8, "seed": 1, **options}
        return train_grounding(GroundingTrainSettings(data=(shard,), out=out, steps=steps, **values))  # type: ignore[arg-type]

    whole = load_checkpoint(run(tmp_path / "whole", 4))
    half = load_checkpoint(run(tmp_path / "half", 4, precision="bf16")).model.state_dict()
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(half[name], value, atol=0.05, rtol=0.05)
    run(tmp_path / "cut", 2)
    resumed = load_checkpoint(run(tmp_path / "cut", 4, resume=True))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    held_out = whole.training["held_out"]
    assert set(held_out) <= set(TASKS) and all(0 <= numbers["parse_rate"] <= 1 for numbers in held_out.values())

    settings = GroundingEvalSettings(
        data=(shard,), checkpoint=tmp_path / "whole", examples=6, out=tmp_path / "eval.json", pictures=tmp_path / "seen"
    )
    found = grounding_eval(settings)
    assert json.loads((tmp_path / "eval.json").read_text())["tasks"].keys() == found["tasks"].keys() == set(TASKS)
    assert {path.stem for path in (tmp_path / "seen").iterdir()} == set(TASKS) - {"direction"}
    box = found["tasks"]["box"]
    assert box["baseline"]["parse_rate"] == 1.0 and 0.0 < box["baseline"]["iou"] < 1.0


def test_unparsable_answers_are_counted_and_count_as_wrong(source: RecordSource) -> None:
    examples = [source.example("box", n, held_out=False) for n in range(4)]
    right = [Reply("", e.answer.values) for e in examples]
    assert score(examples, right)["iou"] == 1.0
    numbers = score(examples, [*right[:2], Reply("?", None, "no"), Reply("?", None, "no")])
    assert numbers["parse_rate"] == 0.5 and numbers["iou"] == 0.5
    points = [source.example("point", n, held_out=False) for n in range(3)]
    assert score(points, [Reply("", e.answer.values) for e in points])["in_mask"] == 1.0
    outside = [Reply("", np.array([[-3.0, 500.0]]))] * 3
    assert score(points, outside)["in_mask"] == 0.0
    traces = [source.example("trace", n, held_out=False) for n in range(2)]
    assert np.isnan(score(traces, [Reply("?", None, "no")] * 2)["ade"])


def test_a_sheet_begins_with_the_worst_answer(source: RecordSource, tmp_path: Path) -> None:
    examples = [source.example("box", number, held_out=False) for number in range(3)]
    right = [example.answer.values for example in examples]
    replies = [Reply("", right[0]), Reply("", None, "no end"), Reply("", right[2] + 3.0)]
    qualities = [quality(example, reply) for example, reply in zip(examples, replies)]
    assert qualities[0] == pytest.approx(1.0) and qualities[1] == float("-inf") and 0.0 < qualities[2] < 1.0
    assert draw_sheet(tmp_path / "box.png", examples, replies)
    sheet = cv2.imread(str(tmp_path / "box.png"))[..., ::-1]
    cells = np.split(sheet[:SIDE], COLUMNS, axis=1)
    told = [int((cell == SAID).all(axis=-1).sum()) for cell in cells[:3]]
    assert told[0] == 0 and told[1] > 0 and told[2] > 0  # nothing said, somewhat beside, right on the truth
    assert not draw_sheet(tmp_path / "words.png", [source.example("direction", 0, held_out=False)], [Reply("up")])


def test_numbers_of_known_figures() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]]), np.array([[5, 0, 15, 10], [20, 20, 30, 30]])
    assert np.allclose(intersection_over_union(*boxes), [1 / 3, 0])
    line = np.stack([np.arange(5.0), np.zeros(5)], axis=1)
    assert frechet_distance(line, line + [0, 2]) == 2.0
    assert frechet_distance(line, line[::-1]) == 4.0  # a leash knows the direction, an average of distances does not
    assert macro_f1(["left", "left", "up"], ["left", "up", "up"]) == pytest.approx(2 / 3)


def test_the_baseline_answers_without_looking(source: RecordSource) -> None:
    examples = [source.example("box", n, held_out=False) for n in range(30)]
    baseline = Baseline.of(examples)
    milk = [e for e in examples if e.subject == "milk"]
    (reply, *_) = baseline.reply(milk)
    assert reply.values is not None
    assert np.allclose(reply.values[0], np.mean([e.answer.values[0] for e in milk], axis=0))


def test_public_files_are_read_and_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((100, 200, 3), np.uint8))

    def entry(answer: str, image: str = "a.png") -> dict:
        turns = [{"from": "human", "value": "<image>\nLocate the cup."}, {"from": "gpt", "value": answer}]
        return {"image": image, "conversations": turns}

    answers = ["[[10, 20, 500, 600]]", "[(500, 250)]", "It is a cup.", "[[900, 900, 1200, 950]]"]
    entries = [*map(entry, answers), entry("[[1, 2, 3, 4]]", "missing.png")]
    (tmp_path / "set.json").write_text(json.dumps(entries))
    public = LlavaSource(tmp_path / "set.json", tmp_path, coordinates="thousand")
    assert public.example("box", 0, held_out=False).answer.values.tolist() == [[2, 2, 100, 60]]
    assert public.example("point", 0, held_out=False).answer.values.tolist() == [[100, 25]]
    assert public.example("box", 0, held_out=False).prompt.text == "Locate the cup."
    assert sum(public.skipped.values()) == 3
    mixture = Mixture([public], [1.0], parse_mixture("box=0.5,point=0.5"))
    assert mixture.draw(np.random.default_rng(0)).proprioception is None
    (tmp_path / "bad.json").write_text("[{]")
    with pytest.raises(ValueError, match="expected JSON with a list of conversations"):
        LlavaSource(tmp_path / "bad.json", tmp_path)


def test_a_reply_comes_back_in_the_cameras_pixels(source: RecordSource) -> None:
    sampler, _ = sampler_of(source, "box=1")
    example = source.example("box", 2, held_out=False)
    _, (framed,) = sampler.assemble([example], STILL, np.random.default_rng(0))
    reply = read_reply(framed.answer.render(sampler.codec), framed, sampler.codec)
    assert reply.values is not None and np.abs(reply.values - example.answer.values).max() <= 0.51
    assert read_reply("milk", framed, sampler.codec).error
