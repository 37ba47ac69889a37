"""What can be wrong with the shards of a training set."""

from __future__ import annotations


class DamagedFile(ValueError):
    """A file of demonstrations, or what was built of it, cannot be read."""


class DamagedFrame(ValueError):
    """One image of a file cannot be read, or is not what was written."""
