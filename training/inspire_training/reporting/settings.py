"""What `inspire report` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class ReportSettings:
    """Write one HTML file of evaluations, ladders, learning curves, films, attention and grounding, for no network.

    Folders are given as FOLDER or NAME=FOLDER.
    """

    evaluations: tyro.conf.Positional[tuple[str, ...]] = ()
    """Finished evaluations, of one split or of several."""
    out: Path = Path("report.html")
    """The file to write."""
    title: str = "InSpire: what was measured"
    ladder: tuple[str, ...] = ()
    """Evaluations over the same seeds; each is compared with the first."""
    runs: tuple[str, ...] = ()
    """Training runs, for their learning curves."""
    attention: tuple[str, ...] = ()
    """Folders that `inspire attention` wrote."""
    grounding: tuple[str, ...] = ()
    """JSON files that `inspire grounding-eval --out` wrote, or folders of pictures (*.png, *.jpg)."""
    films: int = 24
    """Failed episodes shown at most."""
    megabytes: float = 28.0
    """Largest size of the file; films, then pictures, that do not fit are left out and named."""
