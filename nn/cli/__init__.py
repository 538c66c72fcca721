"""The command line: ``python -m nn demo | infer | accuracy | bench | plan | trace | warm``.

The exit status is 0 for success, 1 if `accuracy` or `bench` found a wrong answer, and otherwise as
`ntt.terminal.run_command` says. ``--verbose`` also shows where in the code bad input was found.
"""
