#!/usr/bin/env bash
# The virtual environment .venv. Beside a ROS 2 from apt it sees the system's packages (rclpy), and rosdep comes first.
source "$(dirname "$0")/common.sh"

flavour=$(ros_flavour)
mark=$venv/.ros-flavour
if [ -f "$mark" ] && [ "$(cat "$mark")" != "$flavour" ]; then
  refuse "expected .venv made for ROS 2 from $flavour, found one made for $(cat "$mark"); remove it with: make clean-venv"
fi
python=$("$root/scripts/find_python.sh")

if [ "$flavour" = apt ]; then
  say "rosdep: what the packages ask for"
  rosdep install --from-paths "$root/ros2_ws/src" --ignore-src -y || refuse "rosdep failed; if it was never initialised: sudo rosdep init && rosdep update"
  options=(--system-site-packages)
else
  options=()
fi
if [ ! -x "$venv/bin/python" ]; then
  say "virtual environment .venv with $python"
  "$python" -m venv "${options[@]}" "$venv"
fi
"$venv/bin/python" -m pip install -qq -c "$root/constraints/py311-wheels.txt" pip setuptools wheel
echo "$flavour" >"$mark"
