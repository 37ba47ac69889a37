"""Recordings of demonstrations become training episodes: frames, grasps, direction labels from the trajectory alone."""
