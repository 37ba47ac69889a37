"""Published run folders: read whole or not at all, written back bit for bit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from disk import full_disk
from torch import nn

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.observations import PolicyObservation
from inspire_policy.parity import warm_up
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_training.checkpoint import load_checkpoint
from inspire_training.export import export
from inspire_training.published.command import main_import, main_write
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.layout import LayoutError
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import ImportSettings, RandomRunSettings, WriteSettings
from inspire_training.published.words import LIBERO, REAL
from inspire_training.published.writing import write_published
from inspire_training.settings import ExportSettings, TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of the true layout and names, tiny; not to be changed."""
    return write_random_run(RandomRunSettings(out=tmp_path_factory.mktemp("published") / "run"))


@pytest.fixture(scope="module")
def checkpoint(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("imported") / "checkpoint"
    main_import([str(run), "--vq", str(run / "vq"), "--out", str(out)])
    return out


def weights_of(run: Path) -> Path:
    return next(run.glob("checkpoints/*.pt"))


def test_a_checkpoint_keeps_its_words_axes_and_statistics(checkpoint: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    assert loaded.words == LIBERO and loaded.words.axis_of["catch"] == 0
    assert loaded.words.axis_of["right"] == 2, "the viewer's right, +y of the world"
    config = loaded.config
    assert (config.preset, config.codec, config.chunk_length, config.horizon) == ("minivla-test", "residual_vq", 8, 7)
    assert loaded.step == 50000 and loaded.training["published"]["dataset"] == "libero_90"
    np.testing.assert_array_equal(loaded.codec_arrays["q01"], [-0.8] * 6 + [0.0])
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}


def test_writing_it_back_is_bit_exact(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    main_write([str(checkpoint), "--out", str(tmp_path / "back")])
    assert weights_of(tmp_path / "back").name == weights_of(run).name
    for name, groups in ((f"checkpoints/{weights_of(run).name}", "model"), ("vq/checkpoints/model.pt", "")):
        before, after = (torch.load(folder / name, weights_only=True) for folder in (run, tmp_path / "back"))
        before, after = (before[groups], after[groups]) if groups else (before, after)
        assert set(before) == set(after)
        for group in set(before) - {"optimizer"}:
            assert set(before[group]) == set(after[group])
            for key, tensor in before[group].items():
                assert tensor.dtype == after[group][key].dtype and torch.equal(tensor, after[group][key]), key
    for name in ("dataset_statistics.json", "vq/config.json"):
        assert json.loads((run / name).read_text()) == json.loads((tmp_path / "back" / name).read_text())
    again = import_checkpoint(
        ImportSettings(checkpoint_dir=tmp_path / "back", vq=tmp_path / "back" / "vq", out=tmp_path / "again")
    )
    first = load_checkpoint(checkpoint)
    assert (again.words, again.known_objects) == (first.words, first.known_objects)
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), first.model.parameters()))


def test_words_are_what_the_user_or_the_checkpoint_says(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    given = ImportSettings(checkpoint_dir=run, vq=run / "vq", out=tmp_path / "real", words="real", objects=("milk",))
    assert import_checkpoint(given).words == REAL
    write_published(WriteSettings(checkpoint=tmp_path / "real", out=tmp_path / "back"))
    again = dataclasses.replace(
        given, checkpoint_dir=tmp_path / "back", words="checkpoint", objects=(), out=tmp_path / "again"
    )
    assert import_checkpoint(again).words == REAL and load_checkpoint(tmp_path / "again").known_objects == ("milk",)
    mine = {"axis_of": {**dict(LIBERO.axis_of), "left": 2, "right": -2}, "frame": "base"}
    (tmp_path / "words.json").write_text(json.dumps(mine))
    other = dataclasses.replace(given, words=str(tmp_path / "words.json"), out=tmp_path / "other")
    assert dict(import_checkpoint(other).words.axis_of) == mine["axis_of"]


def test_residual_vq_decodes_as_in_torch(run: Path, checkpoint: Path) -> None:
    content = torch.load(run / "vq/checkpoints/model.pt", weights_only=True)
    decoder = nn.Sequential(nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 56))
    names = {"0": "encoder.0", "2": "encoder.2", "4": "fc"}
    decoder.load_state_dict(
        {
            f"{i}.{part}": content["decoder"][f"{name}.{part}"]
            for i, name in names.items()
            for part in ("weight", "bias")
        }
    )
    books = [content["vq_embedding"][f"layers.{i}._codebook.embed"][0] for i in range(7)]
    codec = load_checkpoint(checkpoint).codec()
    assert (codec.codes, codec.code_values) == (7, 128)
    for codes in np.random.default_rng(0).integers(0, 128, (20, 7)):
        with torch.no_grad():
            values = decoder(torch.stack([book[code] for book, code in zip(books, codes)]).sum(0)).reshape(8, 7)
        rows = values.double().numpy()
        rows[:, :6] = (0.5 * (rows[:, :6] + 1) * (0.7 + 0.8) - 0.8).clip(-1, 1)
        rows[:, 6] = rows[:, 6].clip(0, 1)
        np.testing.assert_allclose(codec.decode(codes), rows, atol=1e-6)


def test_every_difference_is_listed(run: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(run, tmp_path / "run")
    content = torch.load(weights_of(broken), weights_only=True)
    vision, language = content["model"]["vision_backbone"], content["model"]["llm_backbone"]
    vision.pop("dino_featurizer.reg_token")
    vision["siglip_featurizer.surprise"] = torch.zeros(3)
    language["llm.model.norm.weight"] = torch.zeros(5)
    torch.save(content, weights_of(broken))
    with pytest.raises(LayoutError) as caught:
        import_checkpoint(ImportSettings(checkpoint_dir=broken, vq=run / "vq", out=tmp_path / "out"))
    text = str(caught.value)
    assert "found 1 missing, 1 unexpected and 1 misshapen" in text
    assert "missing: vision_backbone/dino_featurizer.reg_token (1, 4, 32)" in text
    assert "unexpected: vision_backbone/siglip_featurizer.surprise (3,)" in text
    assert "misshapen: llm_backbone/llm.model.norm.weight: expected (64,), found (5,)" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def truncate(run: Path) -> None:
    content = weights_of(run).read_bytes()
    weights_of(run).write_bytes(content[: len(content) // 2])


def change(name: str, **values: Any) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        data = json.loads((run / name).read_text())
        data.get("vla", data).update(values)
        (run / name).write_text(json.dumps(data))

    return apply


def rename_statistics(run: Path) -> None:
    data = json.loads((run / "dataset_statistics.json").read_text())
    (run / "dataset_statistics.json").write_text(json.dumps({"bridge": data["libero_90"], "other": {}}))


def untie(run: Path) -> None:
    content = torch.load(weights_of(run), weights_only=True)
    head = content["model"]["llm_backbone"]["llm.lm_head.weight"]
    content["model"]["llm_backbone"]["llm.lm_head.weight"] = head + 1
    torch.save(content, weights_of(run))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "expected a complete file of tensors"),
        (lambda run: weights_of(run).unlink(), "expected checkpoints/step-"),
        (lambda run: (run / "config.json").write_text("{"), "config.json: expected JSON"),
        (lambda run: (run / "tokenizer.json").unlink(), "with --tokenizer"),
        (lambda run: shutil.rmtree(run / "vq"), "config.json: expected it in"),
        (rename_statistics, "expected the data set libero_90, found bridge, other; name one with --dataset"),
        (change("config.json", base_vlm="prism-llama"), "expected vla.base_vlm one of"),
        (change("config.json", image_sequence_len=2), "image_sequence_len"),
        (change("vq/config.json", vqvae_n_embed=256), r"embed_avg: expected \(1, 256, 512\), found \(1, 128, 512\)"),
        (change("vq/config.json", vqvae_groups=8), r"missing: vq_embedding/layers.7._codebook.embed "),
        (change("vq/config.json", input_dim_w=6), "expected input_dim_w 7, found 6"),
        (untie, "expected llm.lm_head.weight to be llm.model.embed_tokens.weight"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    run: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    broken = shutil.copytree(run, tmp_path / "run")
    damage(broken)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        import_checkpoint(ImportSettings(checkpoint_dir=broken, vq=broken / "vq", out=tmp_path / "out"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_what_is_missing_on_the_command_line_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected --vq FOLDER for the action tokenizer libero_vq"):
        import_checkpoint(ImportSettings(checkpoint_dir=run, out=tmp_path / "out"))
    with pytest.raises(ValueError, match="CHECKPOINT_DIR or --from-hub"):
        import_checkpoint(ImportSettings(out=tmp_path / "out"))
    with pytest.raises(ValueError, match="words: expected checkpoint, libero, real or a JSON file"):
        import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=tmp_path / "out", words="klingon"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(
    run: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inspire_training.published.vq.torch.save", full)
    with pytest.raises(OSError, match="No space left"):
        write_published(WriteSettings(checkpoint=checkpoint, out=tmp_path / "back"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="expected a folder that does not exist yet"):
        write_published(WriteSettings(checkpoint=checkpoint, out=tmp_path))
    with full_disk(50_000), pytest.raises(OSError, match="checkpoint: expected room for"):
        import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=tmp_path / "imported"))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_checkpoint_with_bins_needs_no_vq(tmp_path: Path) -> None:
    run = write_random_run(RandomRunSettings(out=tmp_path / "run", action_tokenizer="extra_action_tokenizer"))
    loaded = import_checkpoint(ImportSettings(checkpoint_dir=run, out=tmp_path / "out"))
    assert (loaded.config.codec, loaded.config.chunk_length, loaded.config.horizon) == ("edge_bins", 1, 1)
    assert loaded.codec().decode(np.zeros(7, dtype=np.int64)).shape == (1, 7)


def test_an_imported_checkpoint_is_trained_on_and_written_back(
    checkpoint: Path, recording: Path, tmp_path: Path
) -> None:
    train(
        TrainSettings(
            data=(recording,), out=tmp_path / "run", init=checkpoint, preset="minivla-test", codec="residual_vq",
            steps=2, batch=2, validation_frames=2, rate=1e-5,
        )
    )  # fmt: skip
    before, after = load_checkpoint(checkpoint), load_checkpoint(tmp_path / "run")
    assert after.words == before.words and after.training["held_out"].keys() >= {"direction_accuracy", "code_accuracy"}
    changed = [not torch.equal(a, b) for a, b in zip(before.model.parameters(), after.model.parameters())]
    assert sum(changed) > len(changed) // 2
    write_published(WriteSettings(checkpoint=tmp_path / "run", out=tmp_path / "back"))
    assert json.loads((tmp_path / "back/config.json").read_text())["vla"]["data_mix"] == "libero_90"


def test_the_bundle_of_an_imported_checkpoint_looks_once_and_acts(checkpoint: Path, tmp_path: Path) -> None:
    export(
        ExportSettings(checkpoint=checkpoint, out=tmp_path / "bundle", parity_frames=3, name="minivla", bodies=("any",))
    )
    bundle = load_bundle(tmp_path / "bundle")
    program = make_program(bundle, make_engine("onnxruntime", graph_files(bundle)))
    assert warm_up(bundle, program) == 3
    image = {"agentview": np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)}
    seen = PolicyObservation(image, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
    job = Job(seen, "Put the milk in the basket", ("milk", "basket"))
    tick = program.tick(job)
    assert tick.vision_passes == 1 and tick.decoder_passes == 3 + 6
    assert tick.rows.shape == (8, 7) and bundle.manifest.horizon == 7
    assert {answer.word for answer in tick.answers} <= set(LIBERO.words)
    draft = {answer.object: answer.word for answer in tick.answers}
    quick = program.tick(dataclasses.replace(job, draft=draft))
    assert quick.decoder_passes == 1 + 6 and [a.word for a in quick.answers] == [a.word for a in tick.answers]
    np.testing.assert_allclose(quick.rows, tick.rows, atol=1e-5)
    forced = program.tick(Job(seen, "put the milk away", ("milk",), forced={"milk": "catch"}))
    assert forced.answers[0].word == "catch" and forced.answers[0].axis == 0
    arrays = np.load(tmp_path / "bundle" / "codec.npz")
    assert not any(name.startswith("kept.") for name in arrays.files), "what only the published folder needs stays out"
