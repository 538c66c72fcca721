"""Programs with a start for every step: what the generated machine of `rtl` runs."""
