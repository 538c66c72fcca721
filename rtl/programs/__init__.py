"""Programs of limb instructions on simulated units."""
