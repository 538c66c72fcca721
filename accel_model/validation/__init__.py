"""The model held to the simulated hardware and to published figures."""
