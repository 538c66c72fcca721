"""The program of docs/encrypted-inference.md runs, and its answers are what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import nn
from nn.batched.quantize import quantize

PAGE = Path(__file__).parents[2] / "docs" / "encrypted-inference.md"
PROGRAM = re.compile(r"```python\n(import nn\n.*?)```", re.DOTALL)


def test_page__batched_program_gives_the_quantized_networks_integers():
    (program,) = PROGRAM.findall(PAGE.read_text(encoding="utf-8"))
    names = {}
    exec(compile(program, PAGE.name, "exec"), names)
    images, labels = names["images"][:100], names["labels"][:100]
    quantized = quantize(names["network"])
    assert (names["integers"] == quantized.integers(images)).all()
    assert (names["logits"] == quantized(images)).all()
    assert np.mean(names["logits"].argmax(axis=1) == labels) >= 0.95


def test_page__accuracies_of_quantised_networks_are_those_of_the_test_set():
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\d+), (\d+)[^|]*\| ([\d.]+) % \| (\d+) \| (\d+) of (\d+) bits", page, re.MULTILINE
    )
    assert len(rows) == 4
    network = nn.zoo.load("mnist")
    images, labels = nn.zoo.test_images("mnist")
    for row in rows:
        inputs, weights, answer, count, bits = (int(row[k]) for k in (0, 1, 3, 4, 5))
        quantized = quantize(network, input_bits=inputs, weight_bits=weights)
        plan = nn.compile(network, scheme="bfv", input_bits=inputs, weight_bits=weights)
        assert quantized.max_abs.bit_length() + 1 == answer
        assert [params.t.bit_length() for params in plan.params] == [bits] * count
        accuracy = np.mean(quantized(images[:1000]).argmax(axis=1) == labels[:1000])
        # A thousand images: within five standard deviations of sqrt(0.25 / 1000).
        assert abs(float(accuracy) - float(row[2]) / 100) <= 5 * np.sqrt(0.25 / 1000)


class Wire(dict):
    """Names of the messages program: what one side sends, the other receives next."""

    def __init__(self) -> None:
        super().__init__(nn=nn, send=self.send)
        self.sent = []

    def send(self, message: bytes) -> None:
        assert type(message) is bytes
        self.sent.append(message)

    def __missing__(self, name: str) -> bytes:
        if not name.startswith("received_"):
            raise KeyError(name)
        return self.sent.pop(0)


def test_page__program_of_the_messages_needs_bytes_alone():
    page = PAGE.read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(# at the server.*?)```", page, re.DOTALL)
    network = nn.zoo.load("mnist")
    images = nn.zoo.test_images("mnist")[0][:2]
    names = Wire()
    names.update(network=network, images=images)
    exec(compile(program, PAGE.name, "exec"), {}, names)
    assert names.sent == []
    assert (abs(names["logits"] - network(images)) <= names["plan"].predicted_error).all()
