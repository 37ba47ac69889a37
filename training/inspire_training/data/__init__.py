"""Trajectories, their files and the training batches made of them."""
