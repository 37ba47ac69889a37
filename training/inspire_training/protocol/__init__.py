"""Evaluation by a published protocol: which episodes, and two routes to the same outcomes, in process and by ROS."""
