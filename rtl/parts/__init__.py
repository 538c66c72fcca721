"""The pieces that units are built of: registers, memories, queues."""
