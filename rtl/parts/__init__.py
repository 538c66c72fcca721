"""The parts of units: registers, memories, queues, and the base of every block."""
