"""Tensors of ciphertexts that hold one image in each slot."""
