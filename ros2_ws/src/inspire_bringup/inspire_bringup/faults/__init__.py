"""The fault matrix through the graph: real processes, faults injected into what they hear and into themselves.

The rig (rig.py) starts gate, arm and, where a kind needs them, policy and recorder; it is commander, cameras, operator
and clock itself. An observer (observer.py) hears every command with the time at which it was published and judges it.
"""
