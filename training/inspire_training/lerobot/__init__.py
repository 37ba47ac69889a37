"""Demonstrations to and from LeRobotDataset v3, by its documented layout; the package lerobot itself is not needed."""
