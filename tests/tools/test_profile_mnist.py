"""The profile of a run knows every kernel."""

from __future__ import annotations

from collections import Counter

import pytest

import nn
from ntt.backends import contract
from tools import profile_mnist


def test_kinds__have_every_kernel_once() -> None:
    named = Counter(name for names in profile_mnist.KINDS.values() for name in names)
    assert set(named.values()) == {1}
    assert set(named) == set(contract.KERNELS)


def test_profile__prints_a_row_for_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    profile_mnist.profile("mnist", batch=1, repeats=1)
    printed = capsys.readouterr().out.splitlines()
    rows = [line.split("|")[1].strip() for line in printed if line.startswith("|")]
    stages = [stage.name for stage in nn.compile(nn.zoo.load("mnist")).stages]
    assert rows[2:] == [*stages, "all"]
