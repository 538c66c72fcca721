"""What a person at a terminal is shown: progress, notices, the machine."""
