"""A decoder of fixed row counts does what one of any does, through the real engine."""

import numpy as np
import pytest
import tiny_bundle

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.fixed_rows import FixedRows, decoder_graph, row_counts
from inspire_policy.engines.protocol import EngineError, make_engine
from inspire_policy.programs.base import Job, graph_files, make_program


class OfFixedRows:
    """ONNX Runtime that insists on the row counts, as engines of static shapes do."""

    name = "fixed"

    def __init__(self, engine, counts):
        self.engine, self.counts, self.ran = engine, counts, []

    def inputs(self, graph):
        return self.engine.inputs("decoder" if graph.startswith("decoder") else graph)

    def run(self, graph, inputs):
        if not graph.startswith("decoder"):
            return self.engine.run(graph, inputs)
        rows = inputs["token_ids"].shape[1]
        assert rows in self.counts and graph == decoder_graph(rows)
        for name, axis in (("embeddings", 1), ("use_embeddings", 1), ("position_ids", 1), ("attention_bias", 2)):
            assert inputs[name].shape[axis] == rows
        assert inputs["attention_bias"].shape[3] == tiny_bundle.CACHE + rows
        self.ran.append(rows)
        return self.engine.run("decoder", inputs)


@pytest.mark.parametrize("codec", ["continuous", "bins"])
def test_a_tick_is_the_same_with_fixed_rows(tmp_path, observation, codec):
    bundle = load_bundle(tiny_bundle.make_tiny_bundle(tmp_path / "b", codec=codec))
    engine = make_engine("onnxruntime", graph_files(bundle))
    counts = (*((1,) if codec == "bins" else ()), 24, tiny_bundle.CACHE)
    fixed = OfFixedRows(engine, counts)
    told = {"instruction": tiny_bundle.INSTRUCTION, "objects": ("milk", "bin")}
    free = make_program(bundle, engine).tick(Job(observation, **told))
    program = make_program(bundle, FixedRows(fixed, counts))
    draft = {answer.object: answer.word for answer in free.answers}
    for given in ({}, draft, {"milk": draft["milk"]}):
        tick = program.tick(Job(observation, **told, draft=given))
        assert [a.word for a in tick.answers] == [a.word for a in free.answers]
        np.testing.assert_allclose(tick.rows, free.rows, atol=1e-5)
    assert set(fixed.ran) == set(counts)


def test_row_counts_cover_a_whole_tick_and_single_codes():
    assert row_counts(144, codes=False) == (48, 144)
    assert row_counts(144, codes=True) == (1, 48, 144)
    assert row_counts(10, codes=False) == (10,)


def test_too_many_rows_are_refused(tiny):
    bundle = load_bundle(tiny)
    engine = FixedRows(make_engine("onnxruntime", graph_files(bundle)), (1, 2))
    with pytest.raises(EngineError, match="expected at most 2 decoder rows, found 3"):
        engine.run("decoder", {"token_ids": np.zeros((1, 3), np.int64)})
