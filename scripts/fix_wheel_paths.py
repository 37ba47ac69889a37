"""Point the CMake files of the ROS wheels at this machine's Python and NumPy headers.

The wheels were built in an image whose interpreter lay under /opt/python; their exported targets still name its
folders, and CMake stops at an include folder that does not exist. Run inside the virtual environment; running it again
changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

_BUILD_PYTHON = r"/opt/python/cp3\d+-cp3\d+"
_REPLACEMENTS = (
    (re.compile(_BUILD_PYTHON + r"/lib/python3\.\d+/site-packages/numpy/_?core/include"), numpy.get_include()),
    (re.compile(_BUILD_PYTHON + r"/include/python3\.\d+"), sysconfig.get_path("include")),
)


def main() -> None:
    for path in Path(sys.prefix, "share").rglob("*.cmake"):
        text = path.read_text()
        fixed = text
        for pattern, folder in _REPLACEMENTS:
            fixed = pattern.sub(folder, fixed)
        if fixed != text:
            path.write_text(fixed)


if __name__ == "__main__":
    main()
