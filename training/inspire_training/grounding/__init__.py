"""Spatial grounding: records with geometry, the tasks asked about them, training on the answers, and its metrics."""
