"""How fast a policy is beside its peers and the hardware's limit, and whether it still says the same."""
