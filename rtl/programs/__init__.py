"""Programs of limb instructions on the simulated units."""
