"""Recipes: stages in order, none done twice, a cut one begun again."""

import json

import pytest

from inspire_training import recipe
from inspire_training.recipe import RecipeSettings, Stage


def test_a_cut_recipe_goes_on_where_it_stopped(tmp_path, monkeypatch):
    calls = []
    broken = [True]

    def second():
        calls.append("second")
        if broken:
            raise KeyboardInterrupt

    def stages(settings):
        return [Stage("first", lambda: calls.append("first")), Stage("second", second)]

    monkeypatch.setattr(recipe, "RECIPES", {"tabletop": stages})
    settings = RecipeSettings(out=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        recipe.run(settings)
    assert list(json.loads((tmp_path / "run/stages.json").read_text())) == ["first"]
    broken.clear()
    recipe.run(settings)
    recipe.run(settings)
    assert calls == ["first", "second", "second"]


def test_the_tabletop_recipe_ends_in_a_bundle_and_stays_in_the_training_seeds():
    names = [stage.name for stage in recipe.tabletop(RecipeSettings())]
    assert names[0] == "demos" and names[-1] == "export" and len(set(names)) == len(names)


def test_an_unknown_recipe_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="expected one of tabletop, found 'kitchen'"):
        recipe.main(["kitchen"])
