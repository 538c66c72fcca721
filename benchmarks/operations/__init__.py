"""What is timed: transforms, primitives, whole images."""
