"""The NTT unit: parameters, schedule, control, datapath."""
