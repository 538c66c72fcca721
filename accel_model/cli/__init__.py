"""The command line: estimate, sweep, validate."""
