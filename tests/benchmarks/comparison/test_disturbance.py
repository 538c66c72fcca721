"""What is said of a disturbed software run."""

from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.comparison.disturbance import Disturbance, watched

IDLE = Disturbance(0.2, 0.99, 0.0, 0.0, 1.05, 1)


def test_disturbance__each_cause_has_a_reason():
    assert IDLE.reasons == ()
    assert IDLE.words().startswith("undisturbed; load 0.20 before")
    for change, words in (
        ({"share": 0.5}, "had a processor for 50% of the time"),
        ({"stolen": 0.1}, "a hypervisor took 10%"),
        ({"throttled_s": 0.5}, "held the process back for 0.50 s"),
        ({"spread": 2.0}, "the median run took 2.0 times the shortest"),
    ):
        disturbed = replace(IDLE, **change)
        (reason,) = disturbed.reasons
        assert words in reason
        assert disturbed.words().startswith("disturbed (")
    assert "load unknown" in replace(IDLE, load_before=None).words()


def test_watched__a_run_that_sleeps_has_no_processor():
    with watched(1) as watch:
        time.sleep(0.2)
    seen = watch.result([0.1, 0.1, 0.1])
    assert seen.share < 0.5
    assert seen.reasons
