"""`inspire`: demonstrations, codec, training, DAgger, export, evaluation and the whole recipe, one subcommand each."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

_OWN_MAIN = {  # commands that read their own arguments
    "build-engine": "inspire_policy.engines.tensorrt.command:main",
    "card": ".card:main",
    "compare": ".compare:main",
    "episodes": ".episodes.command:main",
    "evaluate": ".evaluate:main",
    "from-lerobot": ".lerobot.command:main_import",
    "import": ".published.command:main_import",
    "measure": ".measure:main",
    "merge": ".libero_data.merging:main",
    "recipe": ".recipe:main",
    "regenerate": ".libero_data.regenerate:main",
    "report": ".reporting.command:main",
    "results": ".results:main",
    "to-lerobot": ".lerobot.command:main_export",
    "write-libero": ".libero_data.scripted:main",
    "write-published": ".published.command:main_write",
}
_OF_SETTINGS = {  # commands whose arguments are the fields of their settings
    "answers": (".answers:answers", ".settings:AnswersSettings"),
    "attention": (".attention.command:attention", ".attention.settings:AttentionSettings"),
    "bench": (".bench:bench", ".settings:BenchSettings"),
    "bench-gpu": (".speed.gpu:bench_gpu", ".settings:GpuBenchSettings"),
    "codec": (".codecs.fitting:fit", ".settings:CodecSettings"),
    "dagger": (".collect:dagger", ".settings:DaggerSettings"),
    "demos": (".collect:demos", ".settings:DemosSettings"),
    "exactness": (".speed.exactness:exactness", ".settings:ExactnessSettings"),
    "export": (".export:export", ".settings:ExportSettings"),
    "grounding-data": (".grounding.collecting:grounding_data", ".grounding.settings:GroundingDataSettings"),
    "grounding-eval": (".grounding.evaluation:grounding_eval", ".grounding.settings:GroundingEvalSettings"),
    "probe": (".probing.command:probe", ".settings:ProbeSettings"),
    "train": (".train:train", ".settings:TrainSettings"),
    "train --stage grounding": (".grounding.training:train_grounding", ".grounding.settings:GroundingTrainSettings"),
}
COMMANDS = (*_OWN_MAIN, *(command for command in _OF_SETTINGS if " " not in command))
STAGES = ("grounding", "action")
RECIPES = ("own", "published")
USAGE = """usage: inspire COMMAND [options]

  demos            record demonstrations of the scripted expert
  episodes         turn recordings of the robot or of teleoperation into demonstrations
  regenerate       replay and label LIBERO's official demonstrations
  merge            several regenerated suites as one folder with one card
  write-libero     demonstrations of the scripted expert in LIBERO's official layout
  to-lerobot       demonstrations as a LeRobotDataset
  from-lerobot     a LeRobotDataset as demonstrations
  codec            fit an action codec, residual VQ or FAST
  train            train a policy; --recipe published: with the published hyper-parameters; --stage grounding: stage 1,
                   boxes, points and traces in words
  dagger           record episodes that a policy drives and the expert labels
  import           a published checkpoint becomes one of ours
  write-published  a checkpoint of ours in the published layout
  export           write the bundle of a checkpoint
  build-engine     build TensorRT engines beside a bundle
  grounding-data   record grounded images from a world's ground truth
  grounding-eval   boxes, points, traces and directions of a model, beside trivial baselines
  evaluate         evaluate a bundle in a world, in one split or in all
  compare          two evaluations over the same seeds, episode by episode
  results          tables and plots of evaluations, as a page
  card             the policy card beside a bundle, with its evaluations
  answers          are the answers right wherever the hand is? Per direction and per margin
  probe            does the action follow answer and name? Forced, wrong, dropped answers, another object's name
  measure          every number that depends on a policy's weights: splits, latency, answers, probe, exactness, the page
  attention        where a policy looks while it answers and acts, as pictures and numbers
  report           everything measured as one HTML file
  bench            the time of a tick beside its peers, the published procedure among them
  bench-gpu        all that a GPU has to show in one run: every engine, the floor, training
  exactness        the robot's way of decoding against plain greedy decoding, token by token
  recipe           all stages from nothing, resumable: tabletop, libero_object, guided (a ladder of policies)

`inspire COMMAND --help` lists the options."""


def main() -> None:
    """Entry point. Exit code 2 for a wrong use or a missing extra, with one line that says how to mend it."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        raise SystemExit(0 if arguments else 2)
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        print(f"inspire: expected a command among {', '.join(COMMANDS)}, found {command!r}", file=sys.stderr)
        raise SystemExit(2)
    try:
        raise SystemExit(_run(command, rest))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            f"inspire {command}: expected the training extra, found no {error.name}; run `make setup-training`",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except _wrong_inputs() as error:
        if os.environ.get("INSPIRE_TRACEBACK"):
            raise
        print(f"inspire {command}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(f"inspire {command}: interrupted; the same command with --resume, or again, goes on", file=sys.stderr)
        raise SystemExit(130) from None


def _wrong_inputs() -> tuple[type[Exception], ...]:
    """Errors whose message is meant for the user; INSPIRE_TRACEBACK=1 shows where they came from."""
    from inspire_policy.bundle import BundleError
    from inspire_policy.engines.protocol import EngineError
    from inspire_sim.worlds.base import WorldError

    return ValueError, OSError, BundleError, EngineError, WorldError


_EXTRA = {
    "torch", "transformers", "accelerate", "tensorboard", "safetensors", "onnx", "onnxscript", "h5py", "libero",
    "matplotlib", "timm", "torchvision", "huggingface_hub",
}  # fmt: skip


def _run(command: str, arguments: list[str]) -> int:
    if command in _OWN_MAIN:
        return int(_named(_OWN_MAIN[command])(arguments) or 0)
    import tyro

    stage = _stage(arguments) if command == "train" else ""
    defaults = _recipe(arguments) if command == "train" else {}
    command += f" --stage {stage}" if stage else ""
    function, settings = _OF_SETTINGS[command]
    chosen: Any = tyro.cli(_named(settings), prog=f"inspire {command}", args=arguments, **defaults)
    _named(function)(chosen)
    return 0


def _stage(arguments: list[str]) -> str:
    """The value of --stage, "" for a policy's training in one stage. Raises ValueError."""
    stage = _taken("stage", STAGES, arguments)
    return "" if stage == "action" else stage


def _recipe(arguments: list[str]) -> dict[str, Any]:
    """Further options of tyro for --recipe: the published hyper-parameters as defaults, or none. Raises ValueError."""
    if _taken("recipe", RECIPES, arguments) != "published":
        return {}
    import tyro

    from inspire_training.published.training import PUBLISHED
    from inspire_training.settings import TrainSettings

    return {"default": TrainSettings(data=tyro.MISSING, out=tyro.MISSING, **PUBLISHED)}


def _taken(option: str, known: tuple[str, ...], arguments: list[str]) -> str:
    """The value of an option that decides what the others are, taken out of the arguments; "" without it.

    Raises ValueError on one that is not known.
    """
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == f"--{option}":
            taken = arguments[index : index + (1 if equals else 2)]
            del arguments[index : index + len(taken)]
            found = value if equals else (taken[1] if len(taken) == 2 else "")
            if found not in known:
                raise ValueError(f"{option}: expected one of {', '.join(known)}, found {found!r}")
            return found
    return ""


def _named(entry: str) -> Callable[..., Any]:
    """What an entry "module:name" names."""
    module, name = entry.split(":")
    return getattr(importlib.import_module(module, "inspire_training"), name)
