"""`inspire recipe guided`: spatially guided training from nothing, rung by rung, everything else alike.

The ladder of ST4VLA (InternVLA-M1: arXiv 2510.13778) with InSpire's question as its last step, and controls. All rungs
learn from the same frozen demonstrations and DAgger episodes, for as many steps; each is evaluated on the same seeds in
every held-out split and asked about held-out images where it learned to answer.
"""
