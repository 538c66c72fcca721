"""The command line: ``python -m nn demo | infer | accuracy | bench | plan | trace | warm``.

The exit status is 0 for success, 1 if `accuracy` or `bench` found a wrong answer, and 2 for bad
input. Bad input is reported in one line; ``--verbose`` also shows where in the code it was found.
"""
