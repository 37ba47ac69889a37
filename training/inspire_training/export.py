"""`inspire export`: the graphs of a checkpoint as ONNX files in a bundle, or nothing when they do not say what torch
says.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from inspire_policy.bundle import load_bundle, write_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.manifest import Manifest
from inspire_policy.observations import PolicyObservation
from inspire_policy.parity import (
    DEFAULT_TOLERANCE,
    PARITY_FILE,
    ParityError,
    ParitySample,
    largest_difference,
    parity_bytes,
)
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_training.bundling import cache_length, context_rows, manifest_of, said_ids
from inspire_training.card import write_card
from inspire_training.checkpoint import Checkpoint, load_checkpoint, runtime_arrays, save_weights
from inspire_training.data.hdf5 import demonstration_files, read_trajectories
from inspire_training.graphs import DecoderGraph, ExpertGraph, HeadGraph, InPrecision, PerceptionGraph
from inspire_training.policy_torch import torch_policy
from inspire_training.settings import ExportSettings

OPSET = 18
Precision = Literal["fp32", "fp16"]
FILES_READ = 3  # of a folder of demonstrations; each holds thousands of frames
LARGEST_FILE = 1_500_000_000  # bytes of weights inside an ONNX file; what is larger than 2 GB has to lie beside it
HALF_TOLERANCE = 0.02  # of a chunk's numbers in [-1, 1], where graphs compute in half precision
KEPT_SAMPLES = 8  # that travel in the bundle for the robot's own check


def export(settings: ExportSettings) -> Manifest:
    """Write a bundle of a checkpoint; the folder is complete or as it was before.

    Raises ParityError when ONNX Runtime's answers or chunks differ from torch's, ValueError or FileNotFoundError on
    wrong input.
    """
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(settings.checkpoint)
    if settings.vision != "fp32" and checkpoint.config.vision.kind != "fused_vit":
        raise ValueError(
            f"vision: expected fp32 with a vision of kind {checkpoint.config.vision.kind}, found {settings.vision}; "
            "only vision transformers compute in half precision"
        )
    jobs = list(_jobs(settings, checkpoint))
    samples = torch_samples(checkpoint, jobs)
    manifest = manifest_of(checkpoint, name=settings.name, bodies=settings.bodies)
    with tempfile.TemporaryDirectory(prefix="inspire-export-") as scratch:
        graphs = export_graphs(checkpoint, Path(scratch), vision=settings.vision, language=settings.language)
        files: dict[str, bytes | Path] = dict(graphs)
        files["tokenizer.json"] = checkpoint.tokenizer.to_str(pretty=True).encode()
        if arrays := runtime_arrays(checkpoint.codec_arrays):
            stream = io.BytesIO()
            np.savez(stream, **dict[str, Any](arrays))
            files["codec.npz"] = stream.getvalue()
        trial = Path(scratch) / "bundle"
        write_bundle(trial, manifest, files)
        tolerance = HALF_TOLERANCE if "fp16" in (settings.vision, settings.language) else DEFAULT_TOLERANCE
        difference = difference_of(trial, samples, tolerance)
        parity = {
            "frames": len(samples),
            "source": settings.frames.name if settings.frames else "random images",
            "largest_difference": difference,
            "tolerance": tolerance,
            "precision": {"vision": settings.vision, "language": settings.language},
            "torch": torch.__version__.partition("+")[0],
            "opset": OPSET,
        }
        files[PARITY_FILE] = parity_bytes(samples[:: max(1, len(samples) // KEPT_SAMPLES)][:KEPT_SAMPLES])
        manifest = write_bundle(settings.out, dataclasses.replace(manifest, parity=parity), files)
    write_card(settings.out)
    if settings.weights is not None:
        save_weights(settings.weights, checkpoint)
    size = sum(record.bytes for record in manifest.files.values()) / 1e6
    print(
        f"{settings.out}: {size:.1f} MB, same answers as torch on {len(samples)} frames, chunks within {difference:.1e}"
    )
    return manifest


def export_graphs(
    checkpoint: Checkpoint, folder: Path, *, vision: Precision = "fp32", language: Precision = "fp32"
) -> dict[str, Path]:
    """Write the ONNX files of a checkpoint into a folder and return them by name."""
    policy = checkpoint.model.eval()
    if "fp16" in (vision, language):
        policy = copy.deepcopy(policy)
    policy.backbone.model.config._attn_implementation = "eager"  # plain MatMul and Softmax in the graph
    perception = PerceptionGraph(policy)
    decoder = DecoderGraph(policy, cache_length(checkpoint), said_ids(checkpoint))
    files = {"perception.onnx": folder / "perception.onnx", "decoder.onnx": folder / "decoder.onnx"}
    _export(
        InPrecision(perception, policy.perception, torch.float16) if vision == "fp16" else perception,
        perception.inputs(),
        ["embeddings"],
        files["perception.onnx"],
    )
    _export(
        InPrecision(decoder, policy.backbone, torch.float16) if language == "fp16" else decoder,
        decoder.inputs(),
        list(decoder.outputs()),
        files["decoder.onnx"],
        dynamic_shapes=decoder.dynamic_shapes(),
    )
    if policy.head is not None:
        head = HeadGraph(policy)
        files["head.onnx"] = folder / "head.onnx"
        _export(head, head.inputs(), ["chunk"], files["head.onnx"])
    if policy.expert is not None:
        expert = ExpertGraph(policy, context_rows(checkpoint))
        files["expert.onnx"] = folder / "expert.onnx"
        _export(expert, expert.inputs(), ["chunk"], files["expert.onnx"])
    policy.backbone.model.config._attn_implementation = "sdpa"
    beside = {data.name: data for data in (path.with_name(f"{name}.data") for name, path in files.items())}
    return files | {name: data for name, data in beside.items() if data.is_file()}


def _export(module: nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], path: Path, **options: Any) -> None:
    if "dynamic_shapes" in options:
        shapes = tuple(options["dynamic_shapes"].values())
        options["dynamic_shapes"] = (shapes,) if isinstance(module, InPrecision) else shapes  # it takes any number
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            external_data=sum(p.nbytes for p in module.parameters()) > LARGEST_FILE,
            verbose=False,
            **options,
        )


def torch_samples(checkpoint: Checkpoint, jobs: Sequence[Job]) -> list[ParitySample]:
    """What the trained model says of the observations."""
    policy = torch_policy(checkpoint)
    return [ParitySample.of(job, policy) for job in jobs]


def difference_of(bundle_folder: Path, samples: list[ParitySample], tolerance: float) -> float:
    """The largest difference of a chunk's numbers between a bundle in ONNX Runtime and the samples. Raises
    ParityError.
    """
    bundle = load_bundle(bundle_folder)
    program = make_program(bundle, make_engine("onnxruntime", graph_files(bundle)))
    try:
        return largest_difference(program, samples, tolerance)
    except ParityError as error:
        raise ParityError(f"export: ONNX Runtime and torch differ: {error}; nothing was written") from error


def _jobs(settings: ExportSettings, checkpoint: Checkpoint) -> Iterator[Job]:
    """`parity_frames` observations, evenly from the file's trajectories; random images when there is no file."""
    if settings.frames is None:
        yield from random_jobs(checkpoint, settings.parity_frames)
        return
    trajectories = [t for path in demonstration_files([settings.frames])[:FILES_READ] for t in read_trajectories(path)]
    total = sum(len(t) for t in trajectories)
    wanted = set(np.linspace(0, total - 1, min(settings.parity_frames, total)).astype(int).tolist())
    start = 0
    for t in trajectories:
        for frame in range(len(t)):
            if start + frame in wanted:
                yield Job(t.observation(frame), t.instruction, t.objects)
        start += len(t)


def random_jobs(checkpoint: Checkpoint, count: int) -> Iterator[Job]:
    """Noise in the images, a pose, an instruction that names two objects."""
    rng = np.random.default_rng(0)
    objects = checkpoint.known_objects[:2]
    for _ in range(count):
        images = {c.name: rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for c in checkpoint.config.cameras}
        pose = rng.uniform(-0.2, 0.5, 3), np.array([1.0, 0.0, 0.0, 0.0])
        seen = PolicyObservation(images, *pose, float(rng.uniform()))
        yield Job(seen, f"pick up the {objects[0]} and place it in the {objects[-1]}", objects)
