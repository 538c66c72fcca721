"""Time, energy and area of a program on an accelerator."""
