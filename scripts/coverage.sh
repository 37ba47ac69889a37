#!/usr/bin/env bash
# coverage.sh [PACKAGE...]: line coverage of policy, arm and camera (or of those named), nodes that tests start as processes included.
# Runs the packages' own tests (of the policy also that of its monitor), prints what is not covered, and fails when a test does or when a package is below the limit.
# LIMIT=<per cent>: 95 by default. PYTEST_ARGS: passed on. Data is kept in build/coverage: KEEP=1 adds to what was measured before.
source "$(dirname "$0")/common.sh"

limit=${LIMIT:-95}
packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(inspire_policy inspire_arm inspire_camera)
coverage=("$venv/bin/python" -m coverage)
cd "$root"
mkdir -p build/coverage
[ -n "${KEEP:-}" ] || "${coverage[@]}" erase

failed=0
for package in "${packages[@]}"; do
  tests=("ros2_ws/src/$package/test")
  [ "$package" != inspire_policy ] || tests+=(tests/test_agreement.py) # the monitor, beside a real gate
  # shellcheck disable=SC2086 # several arguments
  "${coverage[@]}" run -m pytest -q ${PYTEST_ARGS:-} "${tests[@]}" || failed=1
done
"${coverage[@]}" combine -q --append
for package in "${packages[@]}"; do
  echo "$package: at least $limit % of lines"
  "${coverage[@]}" report --include="*/$package/$package/*" --fail-under="$limit" || failed=1
done
exit $failed
