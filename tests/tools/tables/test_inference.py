"""The committed runs of networks keep their promises and tell where they come from."""

from __future__ import annotations

from tools.tables.result_files import load, load_networks


def test_one_image__every_result_tells_its_origin() -> None:
    for result in (*load_networks("nn-bench"), *load_networks("nn-accuracy")):
        assert result["commit"]
        assert result["command"].startswith("python -m nn ")
        assert result["machine"]["cpu"]
        assert result["machine"]["numba"]
        assert result["parameters"]["security_estimate_bits"] >= 128


def test_one_image__no_accuracy_run_missed_anything() -> None:
    assert [result["misses"] for result in load_networks("nn-accuracy")] == [0, 0]


def test_one_image__mnist_keeps_its_promises() -> None:
    result = load("nn-bench-mnist")
    assert result["threads"] == result["batch"] == 1
    assert result["server_seconds_median"] <= 0.24
    assert result["evaluation_key_bytes"] <= 100e6
    assert result["peak_rss_bytes"] <= 1.5e9


def test_full_batches__keep_their_promises() -> None:
    """A full batch in ten seconds on one thread, at least 98.5 % right, nothing wrong."""
    exact, real = (load(f"nn-bench-mnist-{scheme}-batched") for scheme in ("bfv", "ckks"))
    # An image a slot: of N = 8192, BFV has N and CKKS N / 2.
    for result, slots in ((exact, 8192), (real, 4096)):
        assert result["images"] == result["images_compared"] == slots
        assert result["threads"] == 1
        assert result["server_seconds_median"] <= 10
        assert result["accuracy"] >= 0.985
    assert exact["images_with_a_wrong_integer"] == 0
    assert real["images_beyond_the_predicted_error"] == 0
