"""`inspire build-engine BUNDLE`, and on robots `ros2 run inspire_policy build_engine BUNDLE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from inspire_policy.bundle import BundleError, find_bundle, load_bundle
from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt.api import TARGETS
from inspire_policy.engines.tensorrt.build import build_engines

PROGRAM = "inspire build-engine"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 when the engines cannot be built or do not do what the bundle has recorded."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Build TensorRT engines of a bundle's graphs, beside the bundle."
    )
    parser.add_argument("bundle", help="name or folder of the bundle")
    parser.add_argument("--target", choices=tuple(TARGETS), default="tensorrt", help="the library (default: tensorrt)")
    parser.add_argument(
        "--compute-capability",
        default="",
        metavar="X.Y",
        help="build ahead of time for a device such as 8.9, on any machine (rtx only); default: this machine's device",
    )
    options = parser.parse_args(arguments)
    device = "sm_" + options.compute_capability.replace(".", "") if options.compute_capability else ""
    try:
        folder = build_engines(load_bundle(find_bundle(options.bundle)), target=options.target, device=device)
    except (BundleError, EngineError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(f"engines: {folder}")
    return 0
