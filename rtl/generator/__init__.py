"""Blocks by name, and the files in which a user gets them."""
