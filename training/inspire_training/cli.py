"""`inspire`: demonstrations, codec, training, DAgger, export, evaluation and the whole recipe, one subcommand each."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

COMMANDS = (
    *("demos", "episodes", "codec", "train", "dagger", "import", "write-published", "export", "build-engine"),
    *("evaluate", "compare", "results", "card", "probe", "bench", "recipe"),
)
USAGE = """usage: inspire COMMAND [options]

  demos            record demonstrations of the scripted expert
  episodes         turn recordings of the robot or of teleoperation into demonstrations
  codec            fit an action codec, residual VQ or FAST
  train            train a policy
  dagger           record episodes that a policy drives and the expert labels
  import           a published checkpoint becomes one of ours
  write-published  a checkpoint of ours in the published layout
  export           write the bundle of a checkpoint
  build-engine     build TensorRT engines beside a bundle
  evaluate         evaluate a bundle in a world, in one split or in all
  compare          two evaluations over the same seeds, episode by episode
  results          tables and plots of evaluations, as a page
  card             the policy card beside a bundle, with its evaluations
  probe            does the action follow the answer? Forced, wrong and dropped answers
  bench            the time of a tick beside its peers, the published procedure among them
  recipe           all stages of a preset, resumable

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

    return ValueError, OSError, BundleError, EngineError


_EXTRA = {
    "torch", "transformers", "accelerate", "tensorboard", "safetensors", "onnx", "onnxscript", "h5py", "libero",
    "matplotlib", "timm", "torchvision", "huggingface_hub",
}  # fmt: skip


def _run(command: str, arguments: list[str]) -> int:
    if command == "build-engine":
        from inspire_policy.engines.tensorrt.command import main as build_engine

        return build_engine(arguments)
    if command == "import":
        return int(_function("published.command", "main_import")(arguments) or 0)
    if command == "write-published":
        return int(_function("published.command", "main_write")(arguments) or 0)
    if command == "episodes":
        return int(_function("episodes.command", "main")(arguments) or 0)
    if command in ("evaluate", "compare", "results", "card", "recipe"):  # these read their own arguments
        return int(_function(command, "main")(arguments) or 0)
    import tyro

    from inspire_training import settings

    kinds = {
        "demos": settings.DemosSettings,
        "codec": settings.CodecSettings,
        "train": settings.TrainSettings,
        "dagger": settings.DaggerSettings,
        "export": settings.ExportSettings,
        "probe": settings.ProbeSettings,
        "bench": settings.BenchSettings,
    }
    chosen: Any = tyro.cli(kinds[command], prog=f"inspire {command}", args=arguments)
    if command in ("demos", "dagger"):
        _function("collect", command)(chosen)
    elif command == "codec":
        _function("codecs.fitting", "fit")(chosen)
    else:
        _function(command, command)(chosen)
    return 0


def _function(module: str, name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(f"inspire_training.{module}"), name)
