#!/usr/bin/env bash
# Builds with colcon: the message package into .venv itself (ROS from wheels), or the whole workspace into ros2_ws/install (ROS from apt).
# `python -m colcon` and not `colcon`: what it installs must start with this environment's Python.
source "$(dirname "$0")/common.sh"

python=$venv/bin/python
cmake_args=(-DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$python" "-DPYTHON_EXECUTABLE=$python")
log=$root/build/setup/colcon.log
mkdir -p "$(dirname "$log")"

if [ "$(ros_flavour)" = apt ]; then
  say "ROS packages (colcon, into ros2_ws/install)"
  where=(--base-paths "$root/ros2_ws/src" --build-base "$root/ros2_ws/build" --install-base "$root/ros2_ws/install" --symlink-install)
else
  say "ROS messages (colcon, into .venv; about a minute)"
  "$python" "$root/scripts/fix_wheel_paths.py"
  # The wheels put .venv/lib on the library path and .venv/share into the index: merged there, the messages need no set-up script.
  export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
  where=(--base-paths "$root/ros2_ws/src/inspire_msgs" --build-base "$root/build/ros2" --install-base "$venv" --merge-install)
fi
"$python" -m colcon --log-base "$root/build/log" build "${where[@]}" --cmake-args "${cmake_args[@]}" >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  refuse "colcon failed; the whole output is in $log"
}
