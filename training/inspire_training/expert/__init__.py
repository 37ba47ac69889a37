"""The action expert: a small diffusion transformer that reads the language model's states and samples a chunk."""
