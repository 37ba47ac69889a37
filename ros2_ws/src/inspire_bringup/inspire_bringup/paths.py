"""Where this package's files are: in the source tree, or in an installed `share/inspire_bringup`.

Editable installs and checkouts are asked first, so that a changed profile or bundle is used without another install.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from inspire_bringup.errors import BadInput

_PACKAGE = "inspire_bringup"


def share_folder() -> Path:
    """The folder that holds `config/`, `launch/` and `bundles/`.

    Raises BadInput when the package is installed without them.
    """
    candidates = [Path(__file__).resolve().parents[1]]
    candidates += [
        Path(prefix) / "share" / _PACKAGE
        for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
        if prefix
    ]
    candidates.append(Path(sys.prefix) / "share" / _PACKAGE)
    for folder in candidates:
        if (folder / "config" / "dds_profile.xml").is_file():
            return folder
    looked = ", ".join(str(folder) for folder in candidates)
    raise BadInput(
        f"expected the files of {_PACKAGE} (config/dds_profile.xml), found none in {looked}; install the package again"
    )


def dds_profile() -> Path:
    """The Fast DDS profile that every process of a stack uses."""
    return share_folder() / "config" / "dds_profile.xml"


def parameter_file(name: str) -> Path:
    """The parameter file of that name in `config/`, or at that path.

    Raises BadInput when there is none.
    """
    folder = share_folder() / "config"
    for path in (folder / f"{name}.yaml", Path(name).expanduser()):
        if path.is_file():
            return path.resolve()
    shipped = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise BadInput(f"parameter file: expected one of {shipped}, or the path of a YAML file, found {name!r}")
