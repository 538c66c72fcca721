"""The software beside its peers: `python -m benchmarks`, installed as `he-bench`."""
