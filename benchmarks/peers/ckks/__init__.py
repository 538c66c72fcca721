"""CKKS of this library and of its peers."""
