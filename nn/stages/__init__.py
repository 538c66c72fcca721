"""A network rewritten as the stages that an encrypted run is made of."""
