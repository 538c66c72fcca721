"""BFV of this library and of its peers."""
