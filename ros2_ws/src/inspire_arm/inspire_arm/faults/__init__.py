"""The fault matrix on the pure gate: what can go wrong as data, and a witness that knows nothing of how the gate works.

`python -m inspire_arm.faults` runs every kind in seeded trials. The tests of properties use the same witness.
"""
