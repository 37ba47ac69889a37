#!/usr/bin/env bash
# System packages: asks what is missing, installs it through apt as root or with password-less sudo, else prints the line to run (exit 2).
source "$(dirname "$0")/common.sh"

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }
has_command() { command -v "$1" >/dev/null; }

missing=()
has_library libOSMesa.so || missing+=(libosmesa6)        # software rendering of the simulated cameras
has_library libusb-1.0.so || missing+=(libusb-1.0-0)     # RealSense cameras
has_command cmake || missing+=(cmake)                    # the message package
has_command make || missing+=(make)
has_command g++ || missing+=(g++)
has_command git || missing+=(git)

if python=$("$root/scripts/find_python.sh" 2>/dev/null); then
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
  "$python" - <<'PY' || missing+=("$("$python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')")
import pathlib, sysconfig
raise SystemExit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())
PY
else
  missing+=(python3 python3-venv python3-dev)
fi
if [ "$(ros_flavour)" = apt ]; then
  has_command rosdep || missing+=(python3-rosdep)
fi

[ ${#missing[@]} -gt 0 ] || exit 0

line="apt-get install -y --no-install-recommends ${missing[*]}"
if ! has_command apt-get; then
  refuse "expected apt-get (Debian or Ubuntu), found none; install what these packages hold with this system's own tool: ${missing[*]}"
elif [ "$(id -u)" = 0 ]; then
  as_root=()
elif has_command sudo && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  refuse "these system packages are missing and this user may not install them; run: sudo $line"
fi

say "system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# The package lists may be absent or old: ask for new ones only when the first attempt fails.
"${as_root[@]}" $line >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" $line >/dev/null; } ||
  refuse "apt could not install them; run by hand to see why: $line"
