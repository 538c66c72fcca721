"""The CKKS scheme: approximate arithmetic on vectors of real or complex numbers.

The names that users need stand in `he` itself: `he.CKKSParameters`, `he.Encoder`, `he.Evaluator`.
"""

__all__: list[str] = []
