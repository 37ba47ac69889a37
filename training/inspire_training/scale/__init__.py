"""Training on many processes and large models: shards, gradients, sharded weights, memory and speed."""
