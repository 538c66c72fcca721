"""The page in a headless Chromium: draw a 7, read 7; and what the local process refuses."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

import nn
from nn.service.client.page_server import Page, make_page
from nn.service.publishing import publish
from tests.conftest import IN_CI
from tests.nn.service.samples import ThreadWorker, add_tenant, running

SEVEN = ((80, 70), (200, 70), (170, 130), (140, 190), (120, 230))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page for `mnist`."""
    data = tmp_path_factory.mktemp("page") / "data"
    network = nn.zoo.load("mnist")
    publish(data, "mnist", network, nn.compile(network))
    token = add_tenant(data, "one")
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    with running(data, [ThreadWorker(data)]) as (url, _), nn.RemoteClient(url, token) as client:
        application = make_page(Page(client, url, nn.zoo.class_names("mnist")), [host])
        config = uvicorn.Config(application, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 120
        while httpx.get(f"http://{host}/about").json()["keys"] != "ready":
            assert time.monotonic() < end
            time.sleep(0.1)
        yield f"http://{host}/"
        server.should_exit = True
        thread.join()
    listening.close()


@contextlib.contextmanager
def browser() -> Iterator[object]:
    """A headless Chromium. CI always has it, so there its absence is a failure."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        if IN_CI:
            pytest.fail("Chromium or playwright is missing in CI")
        pytest.skip("Chromium is not installed, or playwright")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.mark.parametrize(("width", "height"), [(1200, 800), (390, 844)])
def test_page__draw_a_seven_read_seven(page: str, width: int, height: int) -> None:
    from playwright.sync_api import expect

    with browser() as chromium:
        tab = chromium.new_page(viewport={"width": width, "height": height})  # type: ignore[attr-defined]
        asked: list[str] = []
        problems: list[object] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda problem: problems.append(problem))
        tab.goto(page)
        expect(tab.locator("#status")).to_have_text("Ready.", timeout=60_000)
        expect(tab.locator("#classify")).to_be_disabled()
        box = tab.locator("#draw").bounding_box()
        scale = box["width"] / 280
        points = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in SEVEN]
        tab.mouse.move(*points[0])
        tab.mouse.down()
        for point in points[1:]:
            tab.mouse.move(*point, steps=8)
        tab.mouse.up()
        tab.click("#classify")
        expect(tab.locator("#status")).to_have_text("Done.", timeout=60_000)
        assert tab.locator("#class").text_content() == "7"
        assert float(tab.locator("#certainty").text_content().split()[0]) > 50
        assert tab.locator("#layers li.done").count() == 5
        for name in ("up", "down", "time", "keys"):
            assert tab.locator(f"#{name}").text_content() != "–"
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert [url for url in asked if not url.startswith((page, "data:"))] == []
        assert problems == []


def test_page__opens_a_picture(page: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    pixels, labels = nn.zoo.test_images("mnist")
    picture = tmp_path / "dark on light.png"  # as a scan of a sheet would be
    Image.fromarray(255 - (255 * np.asarray(pixels[1, 0])).astype(np.uint8)).save(picture)
    with browser() as chromium:
        tab = chromium.new_page()  # type: ignore[attr-defined]
        tab.goto(page)
        expect(tab.locator("#status")).to_have_text("Ready.", timeout=60_000)
        tab.set_input_files("#file", picture)
        expect(tab.locator("#classify")).to_be_enabled()
        tab.click("#classify")
        expect(tab.locator("#status")).to_have_text("Done.", timeout=60_000)
        assert tab.locator("#class").text_content() == str(labels[1])
        tab.set_input_files("#file", os.fspath(Path(__file__)))
        expect(tab.locator("#status")).to_contain_text("no picture")


def test_process__answers_the_page_alone(page: str) -> None:
    body = {"pixels": [0] * 784}
    assert httpx.post(f"{page}classify", json=body).status_code == 403
    assert httpx.get(page, headers={"Host": "elsewhere.example"}).status_code == 421
    assert httpx.get(f"{page}about", headers={"Host": "elsewhere.example"}).status_code == 421
    stranger = {"Host": "elsewhere.example", "X-Page": "1"}
    assert httpx.post(f"{page}classify", json=body, headers=stranger).status_code == 403
    policy = httpx.get(page).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"pixels": 3}', b'{"pixels": [1, 2]}', b'{"pixels": [' + b"0," * 784]
)
def test_process__refuses_other_pixels(page: str, body: bytes) -> None:
    assert httpx.post(f"{page}classify", content=body, headers={"X-Page": "1"}).status_code == 422
    for pixel in (256, -1, 0.5, "1", True):
        pixels = [0] * 783 + [pixel]
        answer = httpx.post(f"{page}classify", json={"pixels": pixels}, headers={"X-Page": "1"})
        assert answer.status_code == 422


def test_page__names_nothing_of_other_machines() -> None:
    folder = Path(nn.__file__).parent / "service" / "client" / "page"
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["index.html", "page.css", "page.js"]
    for path in files:
        text = path.read_text("utf-8")
        assert "http://" not in text
        assert "https://" not in text
        assert "//cdn" not in text
