"""Numbers to plaintext polynomials and back: the embedding, its FFT, the rounding."""
