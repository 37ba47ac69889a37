"""The command lines of `inspire to-lerobot` and `inspire from-lerobot`."""

from __future__ import annotations

import importlib.util

from inspire_training.lerobot.settings import FromLeRobotSettings, ToLeRobotSettings


def main_export(arguments: list[str] | None = None) -> int:
    """Write a LeRobotDataset; returns the exit code."""
    import tyro

    settings = tyro.cli(ToLeRobotSettings, prog="inspire to-lerobot", args=arguments)
    _check_extra()
    from inspire_training.lerobot.export import to_lerobot

    to_lerobot(settings)
    return 0


def main_import(arguments: list[str] | None = None) -> int:
    """Read a LeRobotDataset; returns the exit code: 1 when no episode could be used."""
    import tyro

    settings = tyro.cli(FromLeRobotSettings, prog="inspire from-lerobot", args=arguments)
    _check_extra()
    from inspire_training.lerobot.importing import from_lerobot

    return 0 if from_lerobot(settings)["written"] else 1


def _check_extra() -> None:
    """Raises ValueError where the extra is not installed."""
    missing = [name for name in ("pyarrow", "av") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"expected the extra lerobot, found no {' and no '.join(missing)}; run `make setup-lerobot`")
