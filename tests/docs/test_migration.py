"""Every program of docs/migration.md runs, and the answers of the two sides agree."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
SECTION = re.compile(r"^## (?P<title>[^\n]*)\n(?P<text>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)

# At the scales of these programs either library's slots are off by less than 2^-17 (he.ckks.noise).
CLOSE = 2.0**-16

X, Y = np.linspace(-1, 1, 4096), np.linspace(0, 2, 4096)
VECTOR = np.array([0.5, -1.0, 0.25, 2.0])


def run(title):
    """What the one program of a section leaves behind."""
    page = PAGE.read_text(encoding="utf-8")
    (text,) = (match["text"] for match in SECTION.finditer(page) if match["title"] == title)
    (program,) = PROGRAM.findall(text)
    names = {}
    exec(compile(program, f"{PAGE.name}, {title}", "exec"), names)
    return names


def check_product(answer):
    """x y, rotated; the last slot holds what follows the 4,096 values."""
    assert np.abs(answer[:4095] - (X * Y)[1:]).max() < CLOSE


def check_square(answer):
    squares = (np.arange(8192) % 500) ** 2
    rotated = np.roll(squares.reshape(2, -1), -1, axis=1).ravel()
    assert (answer == rotated % 1000).all()


def check_vector(answer):
    expected = [VECTOR @ [1, 2, 3, 4], *(1 + VECTOR**2 / 2)]
    assert np.abs(np.array(answer) - expected).max() < CLOSE


def test_page__has_a_test_for_each_of_its_programs():
    page = PAGE.read_text(encoding="utf-8")
    titles = [match["title"] for match in SECTION.finditer(page) if "```python" in match["text"]]
    tests = Path(__file__).read_text(encoding="utf-8")
    assert len(titles) == 8
    assert all(f'run("{title}")' in tests for title in titles)


def test_ckks__here():
    check_product(run("CKKS: here")["answer"])


def test_bfv__here():
    check_square(run("BFV: here")["answer"])


def test_vectors__here():
    check_vector(run("CKKS: here, with vectors")["answer"])


@pytest.mark.crosscheck
@pytest.mark.usefixtures("pyfhel")
def test_ckks__in_pyfhel():
    check_product(run("CKKS: Pyfhel")["answer"])


@pytest.mark.crosscheck
@pytest.mark.usefixtures("pyfhel")
def test_bfv__in_pyfhel():
    check_square(run("BFV: Pyfhel")["answer"])


@pytest.mark.crosscheck
@pytest.mark.usefixtures("tenseal")
def test_vectors__in_tenseal():
    check_vector(run("CKKS: TenSEAL")["answer"])


@pytest.mark.crosscheck
@pytest.mark.usefixtures("pyfhel")
def test_keys_and_ciphertexts__from_pyfhel():
    names = run("Keys and ciphertexts: from Pyfhel")
    expected = np.roll(X * X, -1)
    assert np.abs(names["answer"] - expected).max() < CLOSE
    assert np.abs(names["same_answer"] - expected).max() < CLOSE


@pytest.mark.crosscheck
@pytest.mark.usefixtures("tenseal")
def test_keys_and_ciphertexts__from_tenseal():
    answer = run("Keys and ciphertexts: from TenSEAL")["answer"]
    assert np.abs(answer - VECTOR).max() < CLOSE
