"""`inspire card`: the policy card beside a bundle, CARD.md, as models on the Hugging Face hub have one.

Everything in it is read from the bundle's manifest and graphs and from finished evaluations, never typed in. It is no
part of the manifest's checksums: a card may be written again, with newer evaluations, for a bundle that stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tyro

from inspire_policy.bundle import Bundle, find_bundle, load_bundle
from inspire_training.evaluation.folder import weights_of, write_file
from inspire_training.evaluation.page import evaluation_section
from inspire_training.evaluation.saved import SavedError, SavedSplit, read_saved

CARD_FILE = "CARD.md"
EVALUATION = "## Evaluation\n"

_HEAD = """---
license: apache-2.0
pipeline_tag: robotics
library_name: onnx
tags: [robotics, ros2, imitation-learning, vision-language-action, inspire, onnx]
---
"""
_LIMITS = """## Limits

- Made for {bodies} and for nothing else; a stack with another body refuses it.
- Trained in simulation alone: nothing is known of what it does on a real robot.
- Knows the objects named above and sentences of the kind it was trained on; other objects are refused by name.
- Its answers are guesses: read their probabilities, and the evaluation below, before relying on one.
- It does not replace the gate's limits, the arm controller's own limits or a hardware emergency stop.

## Licence

Apache-2.0.
"""


def write_card(folder: Path, results: Mapping[str, Path] | None = None) -> Path:
    """Write CARD.md into a bundle's folder, whole or not at all, and return its path.

    Args:
        folder: the bundle's. results: heading -> folder of a finished evaluation of this bundle.

    Raises:
        BundleError: the bundle is missing or damaged. SavedError: a folder is no evaluation of this bundle.
    """
    loaded = load_bundle(folder)
    sections = [_evaluation(loaded, name, place) for name, place in (results or {}).items()]
    text = "\n\n".join(sections) or "Not evaluated through the ROS graph yet; `inspire card --results` adds it."
    path = loaded.path / CARD_FILE
    write_file(path, f"{facts(loaded)}\n{EVALUATION}\n{text}\n")
    return path


def card(bundle: str = "tabletop", results: tuple[Path, ...] = ()) -> int:
    """Write the policy card of a bundle again, with the evaluations given; returns 0.

    Args:
        bundle: name or folder of the bundle.
        results: folders of finished evaluations of it, of one split or of several.
    """
    path = write_card(find_bundle(bundle), {folder.name: folder for folder in results})
    print(f"written: {path}")
    return 0


def main(arguments: list[str]) -> int:
    """`inspire card ...`."""
    return int(tyro.cli(card, prog="inspire card", args=arguments))


def facts(bundle: Bundle) -> str:
    """The card without its evaluations: what the bundle says of itself."""
    m, contract, training = bundle.manifest, bundle.manifest.contract, dict(bundle.manifest.training)
    held_out = training.pop("held_out", {})
    cameras = ", ".join(f"{name} {g.width} x {g.height} px" for name, g in m.cameras.items())
    words = ", ".join(f"{word} ({_axis(axis)})" for word, axis in m.words.axis_of.items())
    asked = f"at most {m.max_questions} questions, one per object named" if m.questions else "none: it is not asked"
    model = {
        "program": f"{m.program.kind}, {m.program.sequence_style} sequence, {m.program.action_codec} actions",
        "weights in the graphs": f"{_weights(bundle) / 1e6:.2f} M",
        "decoder": f"{m.decoder.layers} layers, width {m.perception.width}, {m.decoder.prefix_attention} prefix",
        "cameras": f"{cameras}; {m.perception.tokens} tokens",
        "proprioception": "pose and gripper opening, 10 numbers" if m.proprioception else "none",
        "questions": asked,
        "objects": ", ".join(m.known_objects),
        "answers": f"{words}; axes of `{m.words.frame}`",
    }
    action = {
        "chunk": f"{m.chunk_length} leads, {m.horizon} executed before the next inference",
        "rate": f"{contract.control_rate_hz:g} Hz",
        "lead": f"at most {contract.max_translation:g} m and {contract.max_rotation:g} rad a component; "
        "gripper 0 closed to 1 open",
        "commanded twist": f"{contract.lead_gain:g} 1/s x lead",
        "frames": f"`{contract.tool_frame}` in `{contract.frame}`",
    }
    exported = {name.replace("_", " "): value for name, value in m.parity.items()}
    parts = [
        _HEAD,
        f"# {m.name}",
        "",
        "A robot policy that says in which direction the objects of its instruction lie before every chunk of actions",
        "([InSpire](https://arxiv.org/abs/2505.13888)): ONNX graphs for the ROS 2 policy node of this project.",
        "",
        "## Intended use",
        "",
        f"Research on instructed picking and placing in {_bodies(bundle)}, through the policy node and the arm gate.",
        "",
        "## Model",
        "",
        *_table(model),
        "",
        "## Action contract",
        "",
        *_table(action),
        "",
        "## Training",
        "",
        "Simulated episodes labelled by a scripted expert, of seeds below 500,000; evaluations start at 1,000,000.",
        "Of the last stage of training:",
        "",
        *_table({name: _plain(value) for name, value in training.items()}),
        "",
        "On frames held out of training, without acting:",
        "",
        *_table({name.replace("_", " "): _plain(value) for name, value in held_out.items()}),
        "",
        "Exported graphs against the trained model:",
        "",
        *_table({name: _plain(value) for name, value in exported.items()}),
        "",
        _LIMITS.format(bodies=_bodies(bundle)),
    ]
    return "\n".join(parts)


def _evaluation(bundle: Bundle, name: str, folder: Path) -> str:
    parts: dict[str, SavedSplit] = read_saved(folder)
    mine = weights_of(str(bundle.path))
    for split in parts.values():
        found = Path(split.settings.get("bundle", "")).name if split.settings.get("commander") == "policy" else "none"
        if found not in (bundle.manifest.name, bundle.path.name):
            raise SavedError(
                f"{split.folder}: expected an evaluation of the bundle {bundle.manifest.name}, found one of {found}; "
                f"`inspire evaluate --bundle {bundle.manifest.name} --out FOLDER` makes one"
            )
        if split.settings.get("weights", mine) != mine:
            raise SavedError(
                f"{split.folder}: expected an evaluation of these weights of {bundle.manifest.name} ({mine}), found "
                f"one of {split.settings['weights']}; evaluate the bundle as it is now"
            )
    return evaluation_section(name, parts)


def _weights(bundle: Bundle) -> int:
    """Floating-point numbers stored in the graphs."""
    import onnx

    graphs = [onnx.load(bundle.file(name)) for name in bundle.manifest.files if name.endswith(".onnx")]
    tensors = (tensor for graph in graphs for tensor in graph.graph.initializer)
    return sum(math.prod(tensor.dims) for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT)


def _bodies(bundle: Bundle) -> str:
    return f"the simulated {', '.join(bundle.manifest.bodies)}"


def _axis(axis: int) -> str:
    return f"{'-' if axis < 0 else '+'}{'xyz'[abs(axis) - 1]}" if axis else "held"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _table(rows: Mapping[str, str]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
