"""Bootstrapping: a ciphertext without levels becomes one with levels, and the same slots."""
