"""A constant that the sampling of errors and its kernel share."""

from __future__ import annotations

AT_ONCE = 6
"""Thresholds that are compared in one pass over the words."""
