"""What a program costs on a machine: time, energy, area, and where they go."""
