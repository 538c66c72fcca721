"""Blocks in a simulator, beside their golden answers."""
