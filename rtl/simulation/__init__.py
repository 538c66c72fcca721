"""Simulated blocks, and how their answers are compared with the exact ones."""
