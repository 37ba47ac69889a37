"""`python -m inspire_training.published.random_run`: a run folder of the published layout with random weights, to try
import, export and a tick at the true size without the published files.
"""

from __future__ import annotations

import tyro

from inspire_training.published.settings import RandomRunSettings


def main() -> None:
    """The command line."""
    settings = tyro.cli(RandomRunSettings, prog="python -m inspire_training.published.random_run")
    from inspire_training.published.random_weights import write_random_run

    print(write_random_run(settings))


if __name__ == "__main__":
    main()
