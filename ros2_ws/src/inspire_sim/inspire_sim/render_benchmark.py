"""What the fast rendering gains over robosuite's own: `python -m inspire_sim.render_benchmark [WORLD ...]`.

Both worlds stand in the same state and are drawn in turns, so that whatever else runs on the machine slows both alike;
CPU time of this process per observation (two cameras), median. The ratio is the result, the milliseconds belong to the
machine.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from inspire_sim.worlds.base import World, WorldError
from inspire_sim.worlds.registry import WORLDS, make_world


def measure(name: str, *, image_size: int, rounds: int) -> tuple[float, float]:
    """CPU time of one observation, ms: as robosuite draws it, and as this project does. Raises WorldError."""
    worlds = [make_world(name, image_size=image_size, stock_rendering=stock) for stock in (True, False)]
    spent = np.empty((rounds, 2))
    try:
        for world in worlds:
            world.reset(0)
            world.observe()  # the first one uploads textures
        for round_ in range(rounds):
            for column, world in enumerate(worlds):
                spent[round_, column] = _milliseconds(world)
    finally:
        for world in worlds:
            world.close()
    stock, fast = np.median(spent, axis=0)
    return float(stock), float(fast)


def _milliseconds(world: World) -> float:
    begin = time.process_time()
    world.observe()
    return 1e3 * (time.process_time() - begin)


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 2 for a world that cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m inspire_sim.render_benchmark", description=__doc__)
    parser.add_argument("worlds", nargs="*", default=["tabletop"], help=f"Of {', '.join(WORLDS)}. Default: tabletop.")
    parser.add_argument("--image-size", type=int, default=128, help="Height and width of an image, px. Default: 128.")
    parser.add_argument("--rounds", type=int, default=20, help="How often each is drawn. Default: 20.")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"rounds: expected 1 or more, found {options.rounds}")
    print(f"{'world':<16}{'robosuite':>12}{'here':>10}{'gain':>8}")
    for name in options.worlds:
        try:
            stock, fast = measure(name, image_size=options.image_size, rounds=options.rounds)
        except WorldError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"{name:<16}{stock:>9.1f} ms{fast:>7.1f} ms{stock / fast:>7.1f}x", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
