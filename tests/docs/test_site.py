"""The documentation builds without a warning, loads nothing, and has every public name."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "ntt": "ntt",
    "he": "he",
    "he.ckks": "ckks",
    "he.bfv": "bfv",
    "he.trace": "trace",
    "he.interop.seal": "seal",
    "nn": "nn",
    "rtl": "rtl",
    "accel_model": "accel_model",
    "benchmarks": "benchmarks",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning, such as a broken link, ends the build."""
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


def test_site__loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|img|iframe)[^>]*src=["']?(?:https?:)?//|@import url\(""")
    stylesheet = re.compile(r"""<link[^>]*rel=["']?(?:stylesheet|preconnect|preload)[^>]*//""")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not loaded.search(text), page
        assert not stylesheet.search(text), page


def exported_names(package: str) -> set[str]:
    """The classes and functions of `__all__`; constants are explained where they are used."""
    path = ROOT.joinpath(*package.split("."), "__init__.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {name for name in ast.literal_eval(node.value) if not name.isupper()}
    return set()


@pytest.mark.parametrize(("package", "page"), PACKAGES.items(), ids=PACKAGES)
def test_site__reference_has_every_exported_name(site: Path, package: str, page: str) -> None:
    text = (site / "api" / f"{page}.html").read_text(encoding="utf-8")
    entries = set(re.findall(r'id="([\w.]+)"', text))
    missing = {name for name in exported_names(package) if f"{package}.{name}" not in entries}
    assert missing == set()


def test_site__reference_shows_doctests_and_links_names(site: Path) -> None:
    page = (site / "api" / "nn.html").read_text(encoding="utf-8")
    assert re.search(r'href="[^"]*#nn\.BatchedClient"><code>BatchedClient</code></a>', page)
    page = (site / "api" / "he.html").read_text(encoding="utf-8")
    assert "<blockquote>" not in page
    assert '<span class="gp">&gt;&gt;&gt; </span>' in page
