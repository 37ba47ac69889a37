"""Sequence styles: how prefix, questions, answers and actions are worded, one module per style."""
