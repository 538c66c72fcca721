"""The backends: each a package of kernels for one kind of arithmetic, and what they share."""
