"""policy_node with an engine that fails when it is told to: `python -m inspire_bringup.faults.faulty_policy`.

Everything but the engine is the node as it is shipped. A file `raise` or `hang` in $INSPIRE_FAULTS makes the next run
of a graph fail or never return; the steady time at which it did is written to `happened`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy import brain
from inspire_policy.engines.protocol import Engine, EngineError, make_engine
from inspire_policy.nodes import policy_node

FOLDER = "INSPIRE_FAULTS"
RAISE, HANG, HAPPENED = "raise", "hang", "happened"


class FaultyEngine:
    """See the module."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self.name = engine.name

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._engine.inputs(graph)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name, unless told otherwise. Raises EngineError when told so."""
        if (self._folder / RAISE).exists():
            self._tell(RAISE)
            raise EngineError("engine: told to fail")
        if (self._folder / HANG).exists():
            self._tell(HANG)
            while True:
                time.sleep(1.0)
        return self._engine.run(graph, inputs)

    def _tell(self, told: str) -> None:
        partial = self._folder / "partial"
        partial.write_text(str(time.monotonic_ns()))
        partial.replace(self._folder / HAPPENED)
        (self._folder / told).unlink()


def main() -> None:
    """Entry point of the process."""
    folder = Path(os.environ[FOLDER])

    def faulty(*arguments: Any, **options: Any) -> FaultyEngine:
        return FaultyEngine(make_engine(*arguments, **options), folder)

    brain.make_engine = faulty
    policy_node.main()


if __name__ == "__main__":
    main()
