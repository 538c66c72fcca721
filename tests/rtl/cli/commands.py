"""What the tests of several commands share."""

from __future__ import annotations

from rtl import tools

SMALL = ["ntt", "--N", "16", "--butterflies", "2", "--width", "20"]


def without_commands(monkeypatch, tmp_path, *kept: str) -> None:
    """Leave only the commands `kept` to be found, and nothing in the cache of built models."""
    for command in kept:
        (tmp_path / command).symlink_to(tools.find_tool(command))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HE_ACCEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "_beside_interpreter", lambda command: tmp_path / command)
