#!/usr/bin/env bash
# The project's own Python packages, editable: a changed source file needs no second installation.
source "$(dirname "$0")/common.sh"

say "the project's own packages"
packages=()
for setup in "$root"/ros2_ws/src/*/setup.py "$root"/training/pyproject.toml; do
  packages+=(-e "$(dirname "$setup")")
done
# Compat mode keeps plain path entries, which type checkers and ROS tools follow; setuptools warns of it at length, so its words go to a file.
log=$root/build/setup/packages.log
mkdir -p "$(dirname "$log")"
"$venv/bin/python" -m pip install --no-deps --no-build-isolation --config-settings editable_mode=compat "${packages[@]}" >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  refuse "pip failed; the whole output is in $log"
}
