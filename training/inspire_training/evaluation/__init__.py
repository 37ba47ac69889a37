"""Evaluation through the ROS graph: running it, reading it back, comparing two of them, a page of results."""
