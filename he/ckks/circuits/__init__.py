"""What is built of an evaluator's operations: linear transforms and polynomials."""
