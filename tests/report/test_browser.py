"""The report in a real browser: figures load, nothing is complained of, readable in the dark."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privkit.cli.app import run

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage"
)
DRIVER = Path("/usr/bin/chromedriver")

#: The lowest contrast (WCAG 2.2, 1.4.3) of all words on the page with what stands behind them.
CONTRAST = """
const channel = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = node => {
  for (; node; node = node.parentElement) {
    const colour = parts(getComputedStyle(node).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
let worst = [99, ""], words = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
  if (!text) continue;
  words += 1;
  const [a, b] = [light(parts(getComputedStyle(node).color)), light(behind(node))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < worst[0]) worst = [contrast, text];
}
return {worst, words, paper: light(behind(document.body))};
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium")
    if chromium is None or not DRIVER.is_file():
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=str(DRIVER))
    )
    yield driver
    driver.quit()


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


def test_words_can_be_read(page: Any) -> None:
    # What is folded away is opened, so that its words are judged too.
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = page.execute_script(CONTRAST)
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


def test_it_prints_black_on_white(page: Any) -> None:
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF-")
    assert b"/Image" in pdf
    scheme = {"name": "prefers-color-scheme", "value": page.scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    found = page.execute_script(CONTRAST)
    assert found["paper"] == 1
    assert found["worst"][0] >= 4.5, found["worst"]
