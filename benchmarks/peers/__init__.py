"""This library and others, each behind the same few operations, so that one loop times them all."""
