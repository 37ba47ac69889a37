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

    monkeypatch.setattr(recipe, "stages", stages)
    settings = RecipeSettings(out=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        recipe.run(settings)
    assert list(json.loads((tmp_path / "run/stages.json").read_text())) == ["first"]
    broken.clear()
    recipe.run(settings)
    recipe.run(settings)
    assert calls == ["first", "second", "second"]


@pytest.mark.parametrize("name", recipe.PLANS)
def test_every_recipe_goes_from_demonstrations_to_a_bundle(name):
    names = [stage.name for stage in recipe.stages(RecipeSettings(recipe=name))]
    assert names[0] == "demos" and names[-1] == "export" and len(set(names)) == len(names)


def test_an_unknown_recipe_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="expected one of tabletop, libero_object, found 'kitchen'"):
        recipe.main(["kitchen"])
