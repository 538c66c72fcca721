"""Objects as bytes: the container and the packing of residues. No cryptography."""
