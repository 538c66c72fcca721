"""Blocks by name, and the files that a user is given."""
