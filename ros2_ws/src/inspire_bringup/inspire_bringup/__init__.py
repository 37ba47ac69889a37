"""Stacks, launch files, runner, DDS profile, parameters and the shipped bundle."""
