"""The command lines of `inspire import` and `inspire write-published`."""

from __future__ import annotations

import tyro

from inspire_training.published.settings import ImportSettings, WriteSettings


def main_import(arguments: list[str]) -> None:
    """`inspire import`."""
    settings = tyro.cli(ImportSettings, prog="inspire import", args=arguments)
    from inspire_training.published.importing import import_checkpoint

    import_checkpoint(settings)


def main_write(arguments: list[str]) -> None:
    """`inspire write-published`."""
    settings = tyro.cli(WriteSettings, prog="inspire write-published", args=arguments)
    from inspire_training.published.writing import write_published

    write_published(settings)
