"""The command line: ``python -m nn demo | infer | accuracy | bench | plan``.

Exit status: 0 when all went well, 1 when `accuracy` found a miss, 2 for bad input, which is told in
one line (``--verbose`` shows where it was found).
"""
