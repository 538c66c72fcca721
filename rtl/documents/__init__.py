"""The pictures and tables that the documentation takes from the hardware."""
