"""The published InSpire and MiniVLA checkpoints: their layout on disk, read and written."""
