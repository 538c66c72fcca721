"""An entry of the FHE benchmarking suite's ml-inference workload: its stages as processes."""
