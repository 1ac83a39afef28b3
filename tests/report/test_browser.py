"""The report in a real browser: figures load, nothing is complained of, readable in the dark."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privkit.cli.app import run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a real command, with a figure, a warning, a failed gate and tables."""
    folder = tmp_path_factory.mktemp("kanon")
    np.save(folder / "codes.npy", np.random.default_rng(0).integers(0, 16, 300).astype(np.uint8))
    command = ["kanon", "--codes", str(folder / "codes.npy"), "--bits", "4", "--fail-under", "100"]
    assert run([*command, "--out", str(folder / "run"), "--quiet"]) == 1
    return folder / "run" / "report.html"


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, report: Path) -> Any:
    scheme = {"name": "prefers-color-scheme", "value": request.param}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
    browser.get_log("browser")  # empties it
    browser.get(report.as_uri())
    browser.scheme = request.param
    return browser


def test_figures_are_shown(page: Any) -> None:
    widths = page.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert widths
    assert all(width > 0 for width in widths)


def test_the_browser_complains_of_nothing(page: Any) -> None:
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_complaints_would_be_seen(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.html").write_text("<img src='missing.png'>")
    browser.get_log("browser")
    browser.get((tmp_path / "broken.html").as_uri())
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_words_can_be_read(page: Any, contrast: Any) -> None:
    # What is folded away is opened, so that its words are judged too.
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = contrast()
    assert found["words"] > 30
    assert (found["paper"] < 0.1) == (page.scheme == "dark")
    assert found["worst"][0] >= 4.5, found["worst"]


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_is_not_wider_than_the_window(page: Any, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.execute_script("return innerWidth") == width
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_prints_black_on_white(page: Any, contrast: Any) -> None:
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF-")
    assert b"/Image" in pdf
    scheme = {"name": "prefers-color-scheme", "value": page.scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    found = contrast()
    assert found["paper"] == 1
    assert found["worst"][0] >= 4.5, found["worst"]
