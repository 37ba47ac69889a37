"""Engines: what runs a bundle's graphs. Each is imported only when it is chosen."""
