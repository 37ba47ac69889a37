#!/usr/bin/env bash
# install_requirements.sh LIST...: installs requirements/LIST.txt of all lists in one pip call, then LIST-nodeps.txt without dependencies.
# TORCH_INDEX=<address of a package index>: asked first, for another build of torch than the default index gives.
source "$(dirname "$0")/common.sh"

# --no-compile: Python compiles what it imports, a small part of all that is installed, when it does.
pip=("$venv/bin/python" -m pip install -qq --no-compile -c "$(constraints)")
index=()
[ -z "${TORCH_INDEX:-}" ] || index=(--extra-index-url "$TORCH_INDEX")

with_dependencies=()
without_dependencies=()
for list in "$@"; do
  with_dependencies+=(-r "$root/requirements/$list.txt")
  [ ! -f "$root/requirements/$list-nodeps.txt" ] || without_dependencies+=(-r "$root/requirements/$list-nodeps.txt")
done

say "Python packages: $*"
"${pip[@]}" "${index[@]}" "${with_dependencies[@]}"
if [ ${#without_dependencies[@]} -gt 0 ]; then
  "${pip[@]}" --no-deps --no-build-isolation "${without_dependencies[@]}"
fi
