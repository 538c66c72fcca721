"""The pictures and tables in the documentation of the hardware."""
