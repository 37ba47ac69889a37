"""LIBERO's official demonstrations: read, replayed, labelled, written as training data; and made by our expert."""
