"""Recipes: stages in order, none done twice, a cut one begun again."""

import json
import threading
import time

import pytest

from inspire_training import recipe
from inspire_training.recipe import RecipeSettings
from inspire_training.stages import Stage


def test_a_cut_recipe_goes_on_where_it_stopped(tmp_path, monkeypatch):
    calls = []
    broken = [True]

    def second():
        calls.append("second")
        if broken:
            raise KeyboardInterrupt

    def stages(settings):
        return [Stage("first", lambda: calls.append("first")), Stage("second", second)]

    monkeypatch.setattr(recipe, "stages", stages)
    settings = RecipeSettings(out=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        recipe.run(settings)
    assert list(json.loads((tmp_path / "run/stages.json").read_text())) == ["first"]
    broken.clear()
    recipe.run(settings)
    recipe.run(settings)
    assert calls == ["first", "second", "second"]


def test_what_needs_nothing_is_done_beside_the_first_training_and_awaited_in_its_place(tmp_path, monkeypatch):
    calls, far, trained = [], threading.Event(), threading.Event()

    def train():
        assert far.wait(20), "the other stage goes on beside it"
        trained.set()
        calls.append("train")

    def collect():
        far.set()
        assert trained.wait(20)
        time.sleep(0.05)
        calls.append("far")

    def listed(settings):
        return [
            Stage("train", train, trains=True),
            Stage("far", collect, aside=True),
            Stage("last", lambda: calls.append("last"), trains=True),
        ]

    monkeypatch.setattr(recipe, "stages", listed)
    recipe.run(RecipeSettings(out=tmp_path))
    recipe.run(RecipeSettings(out=tmp_path))
    assert calls == ["train", "far", "last"]
    assert set(json.loads((tmp_path / "stages.json").read_text())) == {"train", "far", "last"}


def test_stages_beside_a_training_go_one_after_another(tmp_path, monkeypatch):
    calls, both = [], threading.Event()

    def collect(name):
        calls.append(f"{name} begins")
        time.sleep(0.05)
        calls.append(f"{name} ends")
        if name == "two":
            both.set()

    def listed(settings):
        train = Stage("train", lambda: both.wait(20), trains=True)
        return [train, *(Stage(name, lambda name=name: collect(name), aside=True) for name in ("one", "two"))]

    monkeypatch.setattr(recipe, "stages", listed)
    recipe.run(RecipeSettings(out=tmp_path))
    assert calls == ["one begins", "one ends", "two begins", "two ends"]


def test_what_goes_wrong_beside_a_training_ends_the_recipe_and_is_begun_again(tmp_path, monkeypatch):
    calls, broken = [], [True]

    def collect():
        if broken:
            raise OSError("the disk is full")
        calls.append("far")

    def listed(settings):
        return [
            Stage("train", lambda: calls.append("train"), trains=True),
            Stage("far", collect, aside=True),
            Stage("last", lambda: calls.append("last")),
        ]

    monkeypatch.setattr(recipe, "stages", listed)
    with pytest.raises(OSError, match="the disk is full"):
        recipe.run(RecipeSettings(out=tmp_path))
    broken.clear()
    recipe.run(RecipeSettings(out=tmp_path))
    assert calls == ["train", "far", "last"]


@pytest.mark.parametrize("name", recipe.PLANS)
def test_every_recipe_goes_from_demonstrations_to_a_bundle(name):
    names = [stage.name for stage in recipe.stages(RecipeSettings(recipe=name))]
    assert names[0] == "demos" and names[-1] == "export" and len(set(names)) == len(names)


def test_an_unknown_recipe_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="expected one of tabletop, libero_object, guided, found 'kitchen'"):
        recipe.main(["kitchen"])
