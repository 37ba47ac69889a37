#!/usr/bin/env bash
# in_ros.sh COMMAND...: runs a command where the built messages are found: sources ros2_ws/install beside a ROS 2 from apt;
# with ROS from wheels everything is in .venv and nothing is to be done.
source "$(dirname "$0")/common.sh"

if [ "$(ros_flavour)" = apt ]; then
  set +u
  source "$root/ros2_ws/install/local_setup.bash"
  set -u
fi
exec "$@"
