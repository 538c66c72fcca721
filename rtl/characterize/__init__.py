"""Measuring blocks with real synthesis, place and route, and standard-cell mapping."""
