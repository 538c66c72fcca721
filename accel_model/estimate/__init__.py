"""Time, energy and area of a program on a machine."""
