"""Lowering: from a trace to a program."""
