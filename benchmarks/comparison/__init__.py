"""A software run beside modelled accelerators, as text and as HTML."""
