#!/usr/bin/env bash
# A browser without a window, for the test that opens a report in one: Debian's chromium-headless-shell, 96 MB to fetch.
source "$(dirname "$0")/common.sh"

for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done

command -v apt-get >/dev/null || refuse "expected chromium, chrome or apt-get, found none; install chromium with this system's own tool"
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  refuse "no browser is installed and this user may not install one; run: sudo apt-get install chromium"
fi
say "browser: chromium-headless-shell"
export DEBIAN_FRONTEND=noninteractive
line=(apt-get install -y --no-install-recommends chromium-headless-shell)
"${as_root[@]}" "${line[@]}" >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" "${line[@]}" >/dev/null; } ||
  refuse "apt has no chromium-headless-shell here (Debian has); install chromium or chrome by hand"
