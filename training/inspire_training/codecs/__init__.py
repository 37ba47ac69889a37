"""Fitting of action codecs; their use is in `inspire_policy.codecs`."""
