"""A bundle with random weights and graphs of the real shapes, built with `onnx` alone: what the runtime is tested
on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models

from inspire_policy.action import ActionContract
from inspire_policy.bundle import write_bundle
from inspire_policy.codecs.registry import make_codec
from inspire_policy.directions import REP103, question
from inspire_policy.images import ImageGeometry
from inspire_policy.manifest import (
    DecoderSpec,
    ExpertSpec,
    GroundingSpec,
    GroundingTask,
    Manifest,
    PerceptionSpec,
    ProgramSpec,
    WordsSpec,
)
from inspire_policy.tokens import UNKNOWN, build_tokenizer, token_id

CAMERAS = ("agentview", "wrist")
OBJECTS = ("milk", "cereal", "bread", "bin")
CONTEXT, STEPS = 48, 64  # rows that the expert reads; locations of each side
SIDE, TOKENS, WIDTH, HEADS, HEAD_DIM, LAYERS, CACHE, TEXT, CHUNK = 16, 4, 16, 2, 8, 2, 160, 40, 8
TEMPLATE = "Your task is {instruction}. Find what it takes."
INSTRUCTION = "pick up the milk and place it in the bin"


class _Graph:
    """Collects nodes and weights; every method returns the name of a value."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def shape(self, *sizes: int) -> str:
        return self.constant(np.array(sizes, dtype=np.int64))

    def weight(self, *shape: int) -> str:
        return self.constant((self._random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def save(self, inputs: dict[str, tuple[int, list]], outputs: dict[str, list]) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def _perception(vocabulary: int) -> bytes:
    g = _Graph(1)
    scale = g.constant(np.float32(1 / 255))
    inputs: dict[str, tuple[int, list]] = {}
    features = []
    for camera in CAMERAS:
        inputs[f"image_{camera}"] = (TensorProto.UINT8, [1, SIDE, SIDE, 3])
        pixels = g.op("Mul", g.op("Cast", f"image_{camera}", to=TensorProto.FLOAT), scale)
        features.append(g.op("ReduceMean", pixels, g.shape(1, 2), keepdims=0))
    inputs["proprioception"] = (TensorProto.FLOAT, [1, 10])
    inputs["instruction_ids"] = (TensorProto.INT64, [1, TEXT])
    words = g.op("ReduceMean", g.op("Gather", g.weight(vocabulary, 8), "instruction_ids"), g.shape(1), keepdims=0)
    joined = g.op("Concat", *features, "proprioception", words, axis=1)
    flat = g.op("MatMul", joined, g.weight(6 + 10 + 8, TOKENS * WIDTH))
    g.op("Reshape", flat, g.shape(1, TOKENS, WIDTH), output="embeddings")
    return g.save(inputs, {"embeddings": [1, TOKENS, WIDTH]})


def _decoder(vocabulary: int, *, states: bool = False) -> bytes:
    g = _Graph(2)
    table = g.weight(vocabulary, WIDTH)
    own = g.op("Gather", table, "token_ids")
    mixed = g.op("Add", own, g.op("Mul", "use_embeddings", g.op("Sub", "embeddings", own)))
    x = g.op("Add", mixed, g.op("Gather", g.weight(CACHE, WIDTH), "position_ids"))
    keys, values = [], []
    heads = g.shape(1, -1, HEADS, HEAD_DIM)
    for layer in range(LAYERS):
        index = g.constant(np.int64(layer))
        q, k, v = (
            g.op("Transpose", g.op("Reshape", g.op("MatMul", x, g.weight(WIDTH, WIDTH)), heads), perm=[0, 2, 1, 3])
            for _ in "qkv"
        )
        all_k = g.op("Concat", g.op("Gather", "past_keys", index, axis=0), k, axis=2)
        all_v = g.op("Concat", g.op("Gather", "past_values", index, axis=0), v, axis=2)
        scores = g.op("MatMul", q, g.op("Transpose", all_k, perm=[0, 1, 3, 2]))
        weights = g.op("Softmax", g.op("Add", scores, "attention_bias"), axis=-1)
        seen = g.op("Transpose", g.op("MatMul", weights, all_v), perm=[0, 2, 1, 3])
        seen = g.op("MatMul", g.op("Reshape", seen, g.shape(1, -1, WIDTH)), g.weight(WIDTH, WIDTH))
        x = g.op("Tanh", g.op("Add", x, seen))
        keys.append(g.op("Unsqueeze", k, g.shape(0)))
        values.append(g.op("Unsqueeze", v, g.shape(0)))
    g.op("Concat", *keys, axis=0, output="new_keys")
    g.op("Concat", *values, axis=0, output="new_values")
    g.op("Identity", x, output="hidden")
    given = {"states": [1, 1, "T", WIDTH]} if states else {}
    if states:
        g.op("Unsqueeze", x, g.shape(0), output="states")
    g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0]), output="logits")
    cache = [LAYERS, 1, HEADS, CACHE, HEAD_DIM]
    new = [LAYERS, 1, HEADS, "T", HEAD_DIM]
    inputs = {
        "token_ids": (TensorProto.INT64, [1, "T"]),
        "embeddings": (TensorProto.FLOAT, [1, "T", WIDTH]),
        "use_embeddings": (TensorProto.FLOAT, [1, "T", 1]),
        "position_ids": (TensorProto.INT64, [1, "T"]),
        "attention_bias": (TensorProto.FLOAT, [1, 1, "T", "ST"]),
        "past_keys": (TensorProto.FLOAT, cache),
        "past_values": (TensorProto.FLOAT, cache),
    }
    return g.save(
        inputs, {"logits": [1, "T", vocabulary], "hidden": [1, "T", WIDTH], "new_keys": new, "new_values": new, **given}
    )


def _head() -> bytes:
    g = _Graph(3)
    motion = g.op("Tanh", g.op("MatMul", "hidden", g.weight(WIDTH, 6)))
    opening = g.op("Sigmoid", g.op("MatMul", "hidden", g.weight(WIDTH, 1)))
    g.op("Concat", motion, opening, axis=2, output="chunk")
    return g.save({"hidden": (TensorProto.FLOAT, [1, CHUNK, WIDTH])}, {"chunk": [1, CHUNK, 7]})


def _expert() -> bytes:
    """Looks at all states that are not masked, at the patches and at the noise."""
    g = _Graph(5)
    query = g.weight(1, WIDTH)
    keys = g.op("Squeeze", "states", g.shape(0))
    scores = g.op("MatMul", query, g.op("Transpose", keys, perm=[0, 2, 1]))
    seen = g.op("MatMul", g.op("Softmax", g.op("Add", scores, "state_bias"), axis=-1), keys)
    felt = g.op("ReduceMean", "patches", g.shape(1), keepdims=1)
    told = g.op("Add", g.op("MatMul", seen, g.weight(WIDTH, 7)), g.op("MatMul", felt, g.weight(WIDTH, 7)))
    rows = g.op("Tanh", g.op("Add", told, g.op("Mul", "noise", g.constant(np.float32(0.1)))))
    g.op("Max", rows, g.constant(np.array([-1.0] * 6 + [0.0], dtype=np.float32)), output="chunk")
    inputs = {
        "states": (TensorProto.FLOAT, [1, 1, CONTEXT, WIDTH]),
        "state_bias": (TensorProto.FLOAT, [1, CONTEXT]),
        "patches": (TensorProto.FLOAT, [1, TOKENS, WIDTH]),
        "noise": (TensorProto.FLOAT, [1, CHUNK, 7]),
    }
    return g.save(inputs, {"chunk": [1, CHUNK, 7]})


def vq_arrays(quantizers: int = 3, codes: int = 16, width: int = 12) -> dict[str, np.ndarray]:
    """Random arrays of a residual VQ codec for chunks of CHUNK rows."""
    random = np.random.default_rng(4)
    numbers = CHUNK * 7
    arrays = {"codebooks": random.standard_normal((quantizers, codes, width))}
    for name, sizes in (("encoder", (numbers, 20, width)), ("decoder", (width, 20, numbers))):
        for i in range(2):
            arrays[f"{name}_weight_{i}"] = random.standard_normal((sizes[i + 1], sizes[i])) / 5
            arrays[f"{name}_bias_{i}"] = random.standard_normal(sizes[i + 1]) / 5
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _with_locations(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with <loc_0> .. <loc_STEPS> as its last ids."""
    vocabulary = tokenizer.get_vocab()
    first = len(vocabulary)
    vocabulary |= {f"<loc_{i}>": first + i for i in range(STEPS + 1)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.normalizer, made.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    return made


_GROUNDING = GroundingSpec(
    camera="agentview",
    steps=STEPS,
    tasks={
        "box": GroundingTask(template="Find the {object}", rows=1, columns=4),
        "point": GroundingTask(template="point at the {object}", rows=1, columns=2),
        "trace": GroundingTask(template="way of {instruction}", rows=10, columns=2),
    },
)


def make_tiny_bundle(
    path: Path,
    *,
    codec: str = "continuous",
    questions: bool = True,
    reads_answers: bool = True,
    grounds: bool = False,
    extra: dict[str, bytes] | None = None,
) -> Path:
    """Write the bundle "tiny" for the body "tabletop" to `path` and return it.

    Codec "sampled" has an action expert; with `grounds` it can be asked where things are.
    """
    arrays = vq_arrays() if codec == "residual_vq" else {}
    settings = {"bins": 32} if codec == "bins" else {}
    made = make_codec(codec, CHUNK, settings, arrays)
    sampled = codec == "sampled"
    texts = [INSTRUCTION, *OBJECTS, question("milk"), TEMPLATE, "find point at way of"]
    tokenizer = build_tokenizer(texts, REP103.words, made.queries, made.code_values)
    if grounds:
        tokenizer = _with_locations(tokenizer)
    vocabulary = tokenizer.get_vocab_size()
    files = {
        "tokenizer.json": tokenizer.to_str().encode(),
        "perception.onnx": _perception(vocabulary),
        "decoder.onnx": _decoder(vocabulary, states=sampled),
    }
    if sampled:
        files["expert.onnx"] = _expert()
    if made.queries:
        files["head.onnx"] = _head()
    if arrays:
        place = path.parent / "codec.npz"
        np.savez(place, **arrays)  # type: ignore[arg-type]
        files["codec.npz"] = place.read_bytes()
        place.unlink()
    manifest = Manifest(
        name="tiny",
        program=ProgramSpec(
            kind="expert" if sampled else "autoregressive", sequence_style="compact", action_codec=codec
        ),
        bodies=("tabletop",),
        contract=ActionContract(),
        chunk_length=CHUNK,
        horizon=4,
        questions=questions,
        words=WordsSpec(
            axis_of=dict(REP103.axis_of),
            frame=REP103.frame,
            token_ids={w: token_id(tokenizer, w) for w in REP103.words},
        ),
        known_objects=OBJECTS,
        cameras={camera: ImageGeometry(SIDE, SIDE) for camera in CAMERAS},
        perception=PerceptionSpec(tokens=TOKENS, width=WIDTH, text_length=TEXT),
        decoder=DecoderSpec(layers=LAYERS, kv_heads=HEADS, head_dim=HEAD_DIM, cache_length=CACHE),
        expert=ExpertSpec(layers=1, context_rows=CONTEXT, template=TEMPLATE, reads_answers=reads_answers)
        if sampled
        else None,
        grounding=_GROUNDING if grounds else None,
        codec=settings,
    )
    write_bundle(path, manifest, {**files, **(extra or {})})
    return path
