# Shared by the setup scripts (sourced, not run): where things are, how to speak, which ROS 2 this machine has.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '[setup] %s\n' "$*"; }

# Exit code 2 everywhere means: the machine or the input is not as expected, and the message says how to mend it.
refuse() {
  printf '[setup] error: %s\n' "$*" >&2
  exit 2
}

# "apt" where a ROS 2 is sourced, "wheels" elsewhere. Humble and older speak another rclpy.
ros_flavour() {
  case "${ROS_DISTRO:-}" in
    '') echo wheels ;;
    foxy | galactic | humble | iron)
      refuse "expected ROS 2 jazzy or newer, found $ROS_DISTRO; open a shell that does not source it (ROS 2 then comes from wheels)" ;;
    *) echo apt ;;
  esac
}

constraints() {
  if [ "$(ros_flavour)" = apt ]; then echo "$root/constraints/py312-apt.txt"; else echo "$root/constraints/py311-wheels.txt"; fi
}
