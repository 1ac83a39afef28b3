"""The audit's page in a real browser: readable, reachable by keyboard, and it asks for nothing."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from audit.an_audit import HOSTILE, LABELS, an_audit, some_evidence

from privkit.report.audit import draw_audit, write_audit_page

pytestmark = pytest.mark.browser

SCRIPT, IMAGE = HOSTILE[:2]
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("hostile"), IMAGE, (SCRIPT, *LABELS[:3]))


def written(folder: Path, name: str = "", people: tuple[str, ...] = LABELS[:8]) -> Path:
    audit = an_audit(hostile=name)
    pictures = draw_audit(folder, audit, some_evidence(people=people))
    write_audit_page(folder / "report.html", audit, pictures)
    return folder / "report.html"


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, plain: Path) -> Any:
    scheme = {"name": "prefers-color-scheme", "value": request.param}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
    emptied(browser)
    browser.get(plain.as_uri())
    browser.scheme = request.param
    return browser


def emptied(browser: Any) -> None:
    browser.get_log("browser")
    browser.get_log("performance")


def requested(browser: Any) -> list[str]:
    """Addresses that the page asked for, without its own and those inside it."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.startswith("file:") for url in urls)  # the page itself is seen
    return [url for url in urls if not url.startswith(("data:", "file:"))] + [
        url for url in urls if url.startswith("file:") and not url.endswith(".html")
    ]


def test_figures_are_shown(page: Any) -> None:
    widths = page.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(widths) == 6  # four risks with rates, curves, reconstructions
    assert all(width > 300 for width in widths)
    bars = page.execute_script(
        "return [...document.querySelectorAll('svg.bar')].map(b => b.getBoundingClientRect().width)"
    )
    assert len(bars) == 4
    assert all(width > 150 for width in bars)


def test_no_complaint_and_no_request(page: Any) -> None:
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert requested(page) == []


def test_a_request_would_be_seen(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "asks.html").write_text("<img src='http://127.0.0.1:9/x.png'>")
    emptied(browser)
    browser.get((tmp_path / "asks.html").as_uri())
    assert requested(browser) == ["http://127.0.0.1:9/x.png"]


def test_words_can_be_read(page: Any, contrast: Any) -> None:
    page.execute_script(OPEN_ALL)
    found = contrast()
    assert found["words"] > 200
    assert (found["paper"] < 0.1) == (page.scheme == "dark")
    assert found["worst"][0] >= 4.5, found["worst"]


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("which", ["plain", "hostile"])
def test_the_page_is_not_wider_than_the_window(
    browser: Any, request: pytest.FixtureRequest, which: str, width: int
) -> None:
    browser.get(request.getfixturevalue(which).as_uri())
    browser.execute_script(OPEN_ALL)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert browser.execute_script("return innerWidth") == width
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_keyboard_reaches_everything(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script(OPEN_ALL)
    goals = page.execute_script(
        "window.goals = [...document.querySelectorAll('.scroll, summary, a[href]')];"
        "return goals.length"
    )
    body = page.find_element("tag name", "body")
    reached = []
    for _ in range(goals):
        (page.switch_to.active_element if reached else body).send_keys(Keys.TAB)
        reached.append(page.execute_script("return goals.indexOf(document.activeElement)"))
    assert reached == list(range(goals))
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute_script(outline) == "solid"  # where one is can be seen


def test_a_summary_opens_by_key(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script("document.querySelector('summary').focus()")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.execute_script("return document.querySelector('details').open")


def test_a_hostile_name_is_text(browser: Any, hostile: Path) -> None:
    emptied(browser)
    browser.get(hostile.as_uri())
    browser.execute_script(OPEN_ALL)
    words = browser.execute_script("return document.body.innerText")
    assert words.count(SCRIPT) == 1  # a person below the pictures
    assert words.count(IMAGE) > 5
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('img:not([alt])').length") == 0
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert requested(browser) == []


def test_a_script_that_got_in_would_not_run(browser: Any, plain: Path, tmp_path: Path) -> None:
    text = plain.read_text(encoding="utf-8")
    (tmp_path / "in.html").write_text(
        text.replace("</main>", "<script>document.title = 'ran'</script></main>"), encoding="utf-8"
    )
    browser.get((tmp_path / "in.html").as_uri())
    assert browser.title == "Privacy audit: leaks"


def test_it_prints_black_on_white_with_all_that_is_folded(page: Any, contrast: Any) -> None:
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF-")
    assert b"/Image" in pdf
    scheme = {"name": "prefers-color-scheme", "value": page.scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    found = contrast()
    assert found["paper"] == 1
    assert found["worst"][0] >= 4.5, found["worst"]
