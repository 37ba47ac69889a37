"""Simulated worlds behind the interface of `base`."""
