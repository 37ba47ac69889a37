"""How fast the tabletop world runs here: `python -m inspire_bringup.doctor.pace SECONDS` prints the
real-time factor and the share of a CPU.

The factor is simulated time over wall time of physics, controller and both cameras' images at 128 px, with the arm
following a slow circle. Below 1 the realtime mode is late; lockstep waits and only takes longer. A process of
its own, since the renderer is chosen by the environment before the first import.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from inspire_bringup.doctor.finding import Answer, Finding, ask
from inspire_bringup.environment import stack_environment

SECONDS = 3.0
START_TIMEOUT = 120.0  # s, for imports and compiling the world
RADIUS = 0.03  # m, of the circle
ENOUGH = 1.0


def measure(seconds: float) -> tuple[float, float]:
    """The real-time factor over `seconds` of wall time, and the share of one CPU that this process got meanwhile.

    Raises WorldError where the world cannot be made.
    """
    from inspire_sim.simulation import Simulation, Target
    from inspire_sim.worlds.registry import make_world

    simulation = Simulation(make_world("tabletop", image_size=128))
    try:
        simulation.reset(0)
        start = simulation.observation(images=True)
        simulation.start()
        period = simulation.world.contract.period
        begin, spent, periods = time.monotonic(), time.process_time(), 0
        while time.monotonic() - begin < seconds:
            angle = periods * period
            offset = RADIUS * np.array([np.cos(angle) - 1.0, np.sin(angle), 0.0])
            simulation.advance(Target(start.tool_position + offset, start.tool_quaternion, 1.0))
            simulation.observation(images=True)
            periods += 1
            if simulation.over:
                simulation.reset(0)
                simulation.start()
        wall = time.monotonic() - begin
        return periods * period / wall, (time.process_time() - spent) / wall
    finally:
        simulation.world.close()


def check_pace(seconds: float = SECONDS, timeout: float = START_TIMEOUT) -> Finding:
    """The real-time factor of the tabletop world, measured in a process of its own for `seconds`.

    timeout: s, for starting the process and making the world.
    """
    environment = stack_environment(os.environ, domain_id=0)
    command = [sys.executable, "-m", "inspire_bringup.doctor.pace", str(seconds)]
    return judged(ask(command, timeout=timeout + 2 * seconds, environment=environment))


def judged(answer: Answer, enough: float = ENOUGH) -> Finding:
    """What the measuring process said, against a real-time factor that is `enough`."""
    if answer.late:  # the demo may still run, as slowly
        return Finding(
            name="tabletop world",
            found=False,
            detail=f"expected it to run, found {answer.text}",
            mend="end other programs",
        )
    if not answer.ok:
        return Finding(
            name="tabletop world",
            found=False,
            required=True,
            detail=f"expected it to run, found: {answer.text}",
            mend="make setup; the renderer is the usual cause",
        )
    factor, share = map(float, answer.text.split())
    if factor >= enough:
        return Finding(name="tabletop world", found=True, required=True, detail=f"{factor:.1f} times real time")
    return Finding(
        name="tabletop world",
        found=False,
        detail=f"expected {enough:g} times real time or more with images, found {factor:.2f} with {share:.0%} of a CPU",
        mend="end other programs, or stay with MODE=lockstep, which waits for the world",
    )


if __name__ == "__main__":
    print(*(f"{number:.3f}" for number in measure(float(sys.argv[1]))))
