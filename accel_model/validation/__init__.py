"""Validation: the model beside the simulated hardware and published figures."""
