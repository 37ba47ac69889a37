"""Attention and answers made visible: where the rows that answer and act look, as pictures and numbers."""
