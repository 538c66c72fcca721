"""Docstrings as Markdown, for the API reference: an extension of `griffe`, named in mkdocs.yml.

The project's docstrings are plain text: doctests stand bare, brackets and stars are arithmetic, and
backticks hold names. Here doctests become fenced blocks, what Markdown would read as markup is
escaped, and a name in backticks becomes a link where the reference has an entry for the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import griffe

ROOMS = ("ntt", "he", "nn", "rtl", "accel_model", "benchmarks")

_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MARKUP = re.compile(r"([\\*_\[\]<])")
_BULLET = re.compile(r"^(\s*)- ", re.MULTILINE)


def as_markdown(docstring: str, target_of: Callable[[str], str | None]) -> str:
    """The docstring as Markdown; `target_of` says which full path a name stands for, or None."""
    return "\n\n".join(_paragraphs(docstring, target_of))


def _paragraphs(docstring: str, target_of: Callable[[str], str | None]) -> Iterator[str]:
    """Each paragraph as Markdown; doctests with only blank lines between them are one block."""
    doctests: list[str] = []
    for paragraph in re.split(r"\n[ ]*\n", docstring.strip("\n")):
        if paragraph.lstrip().startswith(">>>"):
            doctests.append(paragraph)
            continue
        if doctests:
            yield _fenced(doctests)
            doctests = []
        # Four spaces are a block of code in Markdown already.
        yield paragraph if paragraph.startswith("    ") else _prose(paragraph, target_of)
    if doctests:
        yield _fenced(doctests)


def _fenced(doctests: list[str]) -> str:
    return "```pycon\n" + "\n\n".join(doctests) + "\n```"


def _prose(text: str, target_of: Callable[[str], str | None]) -> str:
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_escaped(text[end : code.start()]), _linked(code, target_of)]
        end = code.end()
    parts.append(_escaped(text[end:]))
    prose = "".join(parts)
    # A list needs a blank line before its first item.
    return re.sub(r"(?<!\n)\n(?=- )", "\n\n", prose, count=1) if _BULLET.search(prose) else prose


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text).replace("\\<", "&lt;")


def _linked(code: re.Match[str], target_of: Callable[[str], str | None]) -> str:
    """A piece of code, as a link where it is a name that the reference knows."""
    name = code[2]
    target = target_of(name) if code[1] == "`" and _NAME.fullmatch(name) else None
    if target is None:
        return code.group()
    # `optional`: a name without an entry stays plain, and is no broken link.
    return f'<autoref optional identifier="{target}"><code>{name}</code></autoref>'


def path_of(name: str, obj: griffe.Object | griffe.Alias) -> str | None:
    """The full path of what `name` means in the docstring of `obj`; None for anything else."""
    first = name.partition(".")[0]
    if first in ROOMS and "." in name:
        return name
    try:
        path = obj.resolve(name)
    except griffe.GriffeError:
        return None
    # A parameter resolves to "function(parameter)", and has no entry of its own.
    return None if "(" in path else path


class MarkdownDocstrings(griffe.Extension):
    """Rewrites every docstring of a package once the package is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called by griffe with each loaded package."""
        pending: list[griffe.Object | griffe.Alias] = [pkg]
        while pending:
            obj = pending.pop()
            if obj.is_alias:
                continue
            if obj.docstring is not None:
                docstring = obj.docstring
                docstring.value = as_markdown(docstring.value, lambda name, o=obj: path_of(name, o))
            pending += obj.members.values()
