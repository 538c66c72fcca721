"""Tensors of ciphertexts, one image a slot, on their way through a circuit."""
