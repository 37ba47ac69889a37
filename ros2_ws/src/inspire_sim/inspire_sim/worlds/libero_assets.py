"""Where LIBERO's meshes and textures come from, and importing LIBERO without its question on stdin.

LIBERO asks on stdin unless `$LIBERO_CONFIG_PATH/config.yaml` exists when it is first imported, and looks for its
assets beside its own code; both are settled here, in a private folder, before the import. Nothing is written into
site-packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from inspire_sim.worlds.base import WorldError

ASSET_FOLDERS = (
    "articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects", "textures", "turbosquid_objects",
)  # fmt: skip
HUB_REPOSITORY = "lerobot/libero-assets"
VARIABLE = "INSPIRE_LIBERO_ASSETS"


def cache_folder() -> Path:
    """This project's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inspire"


def find_assets(assets: str | None = None) -> Path:
    """The folder of LIBERO's assets: the argument, else $INSPIRE_LIBERO_ASSETS, else the user's cache, else fetched
    from the hub.

    Raises:
        WorldError: a named folder lacks parts, or there are no assets and the hub cannot be reached.
    """
    for place, source in ((assets, "the parameter assets"), (os.environ.get(VARIABLE), f"${VARIABLE}")):
        if place:
            folder = Path(place).expanduser().resolve()
            missing = _missing(folder)
            if missing:
                raise WorldError(
                    f"LIBERO assets: expected {', '.join(ASSET_FOLDERS)} in {folder} (from {source}), "
                    f"found no {', '.join(missing)}; {_how_to_get()}"
                )
            return folder
    cached = cache_folder() / "libero_assets"
    return cached if not _missing(cached) else _from_hub(cached)


def import_libero(assets: Path) -> Path:
    """Make LIBERO importable with these assets; returns the folder of its code, which holds its tasks and initial
    states.

    Raises:
        WorldError: LIBERO is not installed.
    """
    root = libero_folder()
    if "LIBERO_CONFIG_PATH" not in os.environ or not _has_config(Path(os.environ["LIBERO_CONFIG_PATH"])):
        os.environ["LIBERO_CONFIG_PATH"] = str(_write_config(root, assets))
    libero = importlib.import_module("libero.libero")
    vars(libero)["_assets_path_cache"] = str(assets)  # what its get_assets_path() returns
    return root


def libero_folder() -> Path:
    """The folder of LIBERO's code, found without importing it. Raises WorldError when it is not installed."""
    spec = importlib.util.find_spec("libero")
    if spec is None or not spec.submodule_search_locations:
        raise WorldError("LIBERO: expected the Python package hf-libero, found none; run `make setup-libero`")
    return Path(next(iter(spec.submodule_search_locations))) / "libero"


def _missing(folder: Path) -> list[str]:
    return [name for name in ASSET_FOLDERS if not (folder / name).is_dir()]


def _how_to_get() -> str:
    return (
        f"get them with `hf download {HUB_REPOSITORY} --repo-type dataset "
        f"--local-dir {cache_folder() / 'libero_assets'}`, "
        f"or set {VARIABLE} to the folder `libero/libero/assets` of a LIBERO checkout"
    )


def _from_hub(target: Path) -> Path:
    """Fetch the assets into `target`, which comes into being only when they are complete."""
    partial = target.with_name(target.name + ".partial")
    try:
        from huggingface_hub import snapshot_download

        snapshot_download(repo_id=HUB_REPOSITORY, repo_type="dataset", local_dir=partial)
    except ImportError:
        reason = "the package huggingface_hub is not installed"
    except Exception as error:  # the hub client raises many kinds
        reason = f"the hub gave {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason'}"
    else:
        missing = _missing(partial)
        if not missing:
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
            return target
        reason = f"the hub's copy has no {', '.join(missing)}"
    raise WorldError(f"LIBERO assets: expected them in {target}, found none, and {reason}; {_how_to_get()}")


def _has_config(folder: Path) -> bool:
    return (folder / "config.yaml").is_file()


def _write_config(root: Path, assets: Path) -> Path:
    """A private configuration for LIBERO; in the user's cache, or for this process alone where that is read-only."""
    folder = cache_folder() / "libero_config"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="inspire_libero_"))
        handle, name = tempfile.mkstemp(dir=folder)
    paths = {
        "benchmark_root": root, "bddl_files": root / "bddl_files", "init_states": root / "init_files",
        "datasets": root.parent / "datasets", "assets": assets,
    }  # fmt: skip
    with os.fdopen(handle, "w") as file:
        file.writelines(f'{key}: "{value}"\n' for key, value in paths.items())
    os.replace(name, folder / "config.yaml")  # whole or not at all: other processes may read it now
    return folder
