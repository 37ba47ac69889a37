"""`python -m inspire_training`, for launchers that start modules: torchrun, accelerate."""

from inspire_training.cli import main

main()
