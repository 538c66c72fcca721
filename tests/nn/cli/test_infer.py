"""``python -m nn infer``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

import nn
from nn.cli.main import main
from nn.network.answers import softmax


def test_softmax__is_a_distribution_in_the_logits_order() -> None:
    logits = np.array([[1000.0, 999.0, 0.0], [-5.0, -5.0, -5.0]])
    shares = softmax(logits)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0, 0] / shares[0, 1], np.e)
    np.testing.assert_allclose(shares[1], 1 / 3)


def printed_answers(printed: str) -> list[str]:
    """The rows of the table of answers."""
    return [line for line in printed.split("Logits")[0].splitlines() if "%" in line]


def test_infer__index(
    options: list[str],
    data: list[str],
    network: nn.Network,
    images: np.ndarray,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["infer", *options, *data, "--index", "3", "7"]) == 0
    rows = printed_answers(capsys.readouterr().out)
    classes = network(images[[3, 7], None] / 255).argmax(axis=1)
    # Index 3 is the one whose label is not the network's answer.
    truths = [(classes[0] + 1) % 5, classes[1]]
    assert [row.split()[:5] for row in rows] == [
        ["image", f"{index},", "truly", str(truth), str(answer)]
        for index, truth, answer in zip([3, 7], truths, classes, strict=True)
    ]


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_infer__file_gives_the_answer_of_the_same_image(
    suffix: str,
    options: list[str],
    network: nn.Network,
    images: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"five{suffix}"
    if suffix == ".png":
        image.imsave(path, images[5], cmap="gray", vmin=0, vmax=255)
    else:
        np.save(path, images[5])
    assert main(["infer", *options, "--image", str(path)]) == 0
    (row,) = printed_answers(capsys.readouterr().out)
    answer = network(images[5:6, None] / 255).argmax()
    assert row.split()[:2] == [path.name, str(answer)]


def test_infer__wrong_size_names_the_file(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.npy"
    np.save(path, np.zeros((7, 6)))
    assert main(["infer", *options, "--image", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ShapeError: ")
    assert "large.npy" in told
    assert "(7, 6)" in told
    assert "(1, 6, 6)" in told


def test_infer__a_network_of_one_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = nn.Node("fc", nn.Linear(np.full((1, 4), 0.25), np.zeros(1)), ("input",))
    nn.save(nn.Network("mean", (4,), (node,)), tmp_path / "mean.npz")
    np.save(tmp_path / "a.npy", np.array([0.1, 0.2, 0.3, 0.6]))
    words = ["--network", str(tmp_path / "mean.npz"), "--image", str(tmp_path / "a.npy")]
    plan = ["--ring-degree", "256", "--insecure-reason", "unit test"]
    assert main(["infer", *words, *plan]) == 0
    printed = capsys.readouterr().out
    assert printed_answers(printed)[0].split() == ["a.npy", "0", "100.0%"]
    assert "0.300" in printed


def test_infer__an_image_beyond_the_plan_is_answered_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Statistics of images of 0.1 at most, and an image ten times as bright."""
    node = nn.Node("fc", nn.Linear(np.full((1, 4), 0.25), np.zeros(1)), ("input",))
    network = nn.Network("mean", (4,), (node,)).calibrated(np.full((5, 4), 0.1))
    nn.save(network, tmp_path / "mean.npz")
    np.save(tmp_path / "a.npy", np.ones(4))
    words = ["--network", str(tmp_path / "mean.npz"), "--image", str(tmp_path / "a.npy")]
    plan = ["--ring-degree", "256", "--insecure-reason", "unit test"]
    assert main(["infer", *words, *plan]) == 0
    printed = capsys.readouterr()
    assert "warning: a logit is larger than 0.2" in printed.err
    assert printed_answers(printed.out)[0].split() == ["a.npy", "0", "100.0%"]
    assert "Predicted error" not in printed.out


@pytest.mark.parametrize("words", ["nan", "-1", "inf", "1e300", "x"])
def test_infer__memory_is_a_number_of_gigabytes(
    words: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["infer", *options, f"--memory={words}"])
    assert f"{words!r} is no number of gigabytes" in capsys.readouterr().err


def test_infer__memory_and_folder_are_checked_before_keys_are_made(
    options: list[str],
    data: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nn.cli.session.PackedClient", None)
    assert main(["infer", *options, *data, "--index", "0", "--memory", "0"]) == 2
    assert "the largest stage's, not 0" in capsys.readouterr().err
    file = tmp_path / "file"
    file.touch()
    assert main(["infer", *options, *data, "--index", "0", "--weights-folder", str(file)]) == 2
    assert "no folder" in capsys.readouterr().err


def test_infer__with_a_folder_alone_what_does_not_fit_lies_there(
    options: list[str],
    data: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["infer", *options, *data, "--index", "0", "--weights-folder", str(tmp_path)]
    assert main(words) == 0
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr("nn.packed.weights.free_bytes", lambda: 0)
    assert main(words) == 0
    assert any(tmp_path.iterdir())
    assert str(tmp_path) in capsys.readouterr().err
