#!/usr/bin/env bash
# The project's own Python packages, editable: a changed source file needs no second installation.
source "$(dirname "$0")/common.sh"

say "the project's own packages"
packages=()
for setup in "$root"/ros2_ws/src/*/setup.py "$root"/training/pyproject.toml; do
  packages+=(-e "$(dirname "$setup")")
done
# Compat mode keeps plain path entries, which type checkers and ROS tools follow.
"$venv/bin/python" -m pip install -q --no-deps --no-build-isolation --config-settings editable_mode=compat "${packages[@]}"
