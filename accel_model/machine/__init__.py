"""A machine as data: its units, its memory, where its figures come from."""
