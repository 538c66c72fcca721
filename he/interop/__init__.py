"""Other libraries' bytes."""
