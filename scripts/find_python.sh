#!/usr/bin/env bash
# Prints the Python interpreter for the virtual environment: $PYTHON, or the first of 3.11, 3.12, 3.13 that starts.
# Beside a ROS 2 from apt it is the system's own, since that ROS is compiled for it.
source "$(dirname "$0")/common.sh"

# A version manager's shim can be on PATH and refuse to start: only an interpreter that runs counts.
usable() { "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

if [ -n "${PYTHON:-}" ]; then
  candidates=("$PYTHON")
elif [ "$(ros_flavour)" = apt ]; then
  candidates=(/usr/bin/python3)
else
  candidates=(python3.11 python3.12 python3.13 python3)
fi

for candidate in "${candidates[@]}"; do
  if usable "$candidate"; then
    "$candidate" -c 'import sys; print(sys.executable)'
    exit
  fi
done
refuse "expected Python 3.11, 3.12 or 3.13, found none in: ${candidates[*]}; install one (Debian 12: apt-get install python3 python3-venv) or name it with PYTHON=/path/to/python make setup"
