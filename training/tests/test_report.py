"""`inspire report`: what stands in the page, its size, bad input, and a real browser that shows it offline."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import find_browser, opened
from PIL import Image
from test_compare_results import write_several, write_split
from torch.utils.tensorboard import SummaryWriter

from inspire_training.attention.mass import Share, summary
from inspire_training.evaluation.saved import SavedError
from inspire_training.reporting import html
from inspire_training.reporting.assets import AssetError, Assets
from inspire_training.reporting.command import main
from inspire_training.reporting.curves import draw, read_curves
from inspire_training.reporting.models import InputError

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a tenth


def write_film(path: Path) -> None:
    """A second of moving colours that any browser plays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (64, 48))
    assert film.isOpened()
    for step in range(10):
        film.write(np.full((48, 64, 3), (25 * step, 90, 200 - 15 * step), dtype=np.uint8))
    film.release()


def write_run(folder: Path, slope: float) -> Path:
    board = SummaryWriter(str(folder / "curves"))
    for step in range(0, 400, 10):
        board.add_scalar("train/loss", 2.0 * np.exp(-slope * step / 100), step)
        board.add_scalar("validation/answer_accuracy", 1.0 - np.exp(-slope * step / 200), step)
        board.add_scalar("train/unused", 0.0, step)
    board.close()
    return folder


def write_attention(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    shares = [
        Share(seed=seed, step=0, lens="rollout", look="action", role=role, object=role, mass=float(mass), area=0.02,
              picture=0.5)
        for seed in range(3) for role, mass in zip(("target", "destination", "other objects"), rng.uniform(0, 0.1, 3))
    ]  # fmt: skip
    folder.mkdir()
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(folder / "ours_rollout_seed_1.png")
    content = {
        "summary": {"ours": summary(shares)},
        "sheets": ["ours_rollout_seed_1.png"],
        "frames": 3,
        "episodes": [1],
    }
    (folder / "attention.json").write_text(json.dumps(content))
    return folder


GROUNDING = {"tasks": {"box": {"model": {"n": 9, "iou": 0.71, "iou_50": None}, "baseline": {"n": 9, "iou": 0.1}}}}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """One of everything."""
    write_several(tmp_path / "ours", {"distractors": [True] * 8 + [False] * 2, "light_shift": [True] * 4 + [False]})
    write_film(tmp_path / "ours" / "distractors" / "failures" / "seed_1000008.webm")
    (tmp_path / "ours" / "distractors" / "failures" / "seed_1000009.mp4").write_bytes(b"torn")
    for rung, wins in (("none", 4), ("asked", 9)):
        write_split(tmp_path / rung, "train", [True] * wins + [False] * (10 - wins))
    pictures = tmp_path / "overlays"
    pictures.mkdir()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(pictures / "milk_box.png")
    (tmp_path / "grounding.json").write_text(json.dumps(GROUNDING))
    return {
        "evaluation": f"ours <b>&={tmp_path / 'ours'}",
        "none": f"none={tmp_path / 'none'}",
        "asked": f"asked={tmp_path / 'asked'}",
        "run": f"first run={write_run(tmp_path / 'run', 1.0)}",
        "other": f"second={write_run(tmp_path / 'other', 0.5)}",
        "attention": str(write_attention(tmp_path / "looks")),
        "grounding": f"stage 1={tmp_path / 'grounding.json'}",
        "pictures": f"overlays={pictures}",
    }


def whole(inputs: dict[str, str], out: Path, *more: str) -> str:
    given = [inputs["evaluation"], "--out", str(out), "--ladder", inputs["none"], inputs["asked"]]
    given += ["--runs", inputs["run"], inputs["other"], "--attention", inputs["attention"]]
    assert main([*given, "--grounding", inputs["grounding"], inputs["pictures"], *more]) == 0
    return out.read_text()


def test_everything_is_in_one_file_and_nothing_outside_of_it(
    inputs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    text = whole(inputs, tmp_path / "site" / "report.html")
    for chapter in ("Evaluations", "Ladder", "Failures", "Learning curves", "Attention", "Grounding", "Left out"):
        assert f"<h2>{chapter}</h2>" in text and f'<a href="#{chapter.lower().replace(" ", "_")}">' in text
    assert "ours &lt;b&gt;&amp;" in text and "<b>&=" not in text, "names are text"
    assert "<td>asked</td>" in text and "+50.0 [" in text and "0.0625" in text, "five discordant pairs, all one way"
    assert "timeout, dropped" in text and text.count("<video") == 1 and text.count('svg class="curve"') == 2
    assert "unused" not in text, "a number that never changes is no curve"
    assert "0.710" in text and "none" in text
    told = " ".join(capsys.readouterr().out.split())
    assert "pictures or films left out" in told
    left_out = text[text.index("<h2>Left out</h2>") :]
    assert "4 bytes that are no film" in left_out and "no file" in left_out
    for address in re.findall(r"""(?:src|href)=["']([^"']*)""", text):
        assert address.startswith(("data:", "#")), address
    assert "<script" not in text and "@import" not in text and "url(" not in text
    again = whole(inputs, tmp_path / "site" / "report.html")
    assert again == text, "the same inputs give the same page"


def test_what_does_not_fit_is_left_out_and_said(inputs: dict[str, str], tmp_path: Path) -> None:
    big = tmp_path / "overlays" / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)).save(big)
    text = whole(inputs, tmp_path / "report.html", "--megabytes", "1")
    assert len(text.encode()) <= 1_000_000
    assert "grounding picture noise.png" in text and "which the limit leaves no room for" in text
    assert "noise.png" not in whole(inputs, tmp_path / "large.html")
    few = whole(inputs, tmp_path / "few.html", "--films", "0")
    assert "<video" not in few and "further failures are not shown" in few


def test_bad_input_is_named(inputs: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "no.html"
    (tmp_path / "empty").mkdir()
    damaged = tmp_path / "asked" / "episodes.jsonl"
    damaged.write_text(
        json.dumps(json.loads((tmp_path / "asked/result.json").read_text())["episodes"][0]) + "\n{torn\n"
    )
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    (tmp_path / "looks" / "ours_rollout_seed_1.png").write_bytes(b"no picture")
    for given, error, message in (
        ([], SavedError, "expected at least one folder"),
        ([str(tmp_path / "empty")], SavedError, "expected the result.json of a finished evaluation, found none"),
        ([str(tmp_path / "asked")], SavedError, r"episodes.jsonl, line 2: expected an episode as JSON, found '\{torn'"),
        (["--runs", str(tmp_path / "empty")], ValueError, "expected the curves of a training run"),
        (["--attention", str(tmp_path / "empty")], InputError, "`inspire attention --out` writes it"),
        (["--attention", inputs["attention"]], AssetError, "expected an image at .*ours_rollout_seed_1.png"),
        (["--grounding", str(wrong)], InputError, "expected an object of JSON, found list"),
        (["--grounding", str(tmp_path / "empty")], InputError, "expected pictures"),
        ([inputs["evaluation"], inputs["evaluation"]], ValueError, "under a name of its own"),
        ([inputs["evaluation"], "--megabytes", "0.1"], ValueError, "megabytes: expected 0.8 or more"),
    ):
        with pytest.raises(error, match=message):
            main([*given, "--out", str(out)])
    assert not out.exists()


def test_refused_instructions_are_counted_apart(tmp_path: Path) -> None:
    write_several(tmp_path / "ours", {"distractors": [True] * 3 + [False], "unseen_object": [False] * 5})
    result = tmp_path / "ours" / "unseen_object" / "result.json"
    result.write_text(result.read_text().replace('"failure": "timeout"', '"failure": "refused"'))
    assert main([f"ours={tmp_path / 'ours'}", "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "3 of 4 episodes, 2 splits; 5 more refused" in text
    assert "seed 1000003" in text, "the film that a failed episode lacks"
    assert "unseen object, seed" not in text, "what was never tried needs no film"


def test_curves_are_drawn_to_scale(tmp_path: Path) -> None:
    curves = read_curves(write_run(tmp_path / "run", 1.0))
    assert set(curves) == {"train/loss", "validation/answer_accuracy", "train/unused"}
    assert curves["train/loss"][0] == (0.0, 2.0) and curves["train/loss"][-1][0] == 390.0
    svg = draw({"a": curves["train/loss"]}, ["a"], "loss & more")
    points = np.array([[float(v) for v in p.split(",")] for p in re.search(r'points="([^"]+)"', svg)[1].split()])  # type: ignore[index]
    assert (np.diff(points[:, 0]) > 0).all() and (np.diff(points[:, 1]) > 0).all(), "it falls: down is larger y"
    assert ">0.1</text>" in svg and ">1</text>" in svg and "loss &amp; more" in svg, "a factor of 50: logarithmic"


def test_embedded_pictures_are_the_files(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    Image.new("RGB", (9, 7), (10, 200, 90)).save(path)
    assets = Assets(100_000)
    url = assets.plot(path)
    assert url is not None and base64.b64decode(url.partition(",")[2]) == path.read_bytes()
    assert assets.used >= len(url) and not assets.left_out
    assert html.text('a **b** `c` "<i>"') == "a <strong>b</strong> <code>c</code> &quot;&lt;i&gt;&quot;"


def test_a_real_browser_shows_it_without_a_network(inputs: dict[str, str], tmp_path: Path) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on this machine: `make setup-browser` installs one from Debian")
    whole(inputs, tmp_path / "report.html")
    with opened(browser, tmp_path / "report.html", tmp_path / "profile") as page:
        page.evaluate("Promise.all([...document.images].map(i => i.decode())).then(() => true)")
        sizes = page.evaluate("[...document.images].map(i => i.naturalWidth * i.naturalHeight)")
        assert len(sizes) >= 5 and min(sizes) > 0
        ready = """new Promise(done => { const v = document.querySelector('video');
            const told = () => done([v.videoWidth, v.videoHeight, v.error ? v.error.message : '']);
            if (v.readyState > 0 || v.error) told(); else { v.onloadedmetadata = told; v.onerror = told; } })"""
        assert page.evaluate(ready) == [64, 48, ""]
        colours = {}
        for scheme in ("light", "dark"):
            page.emulate(scheme)
            colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colours["light"] != colours["dark"]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "nothing sticks out to the side"
        assert page.evaluate("document.querySelectorAll('nav a').length") == 7
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith("data:")] == [page.evaluate("location.href")]
