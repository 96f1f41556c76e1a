from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from tests.browsing import LAPTOP, PHONE, opened, schemes_asked

Draw = Callable[..., dict[str, bytes]]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(draw_report: Draw, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(draw_report(("P02", "P10", "P01", "BRx-42"), notes=["a note"]), tmp_path_factory.mktemp("report"))


def written(files: dict[str, bytes], folder: Path) -> str:
    path = folder / "report.html"
    path.write_bytes(files["report.html"])
    return path.as_uri()


def shown(table: WebElement, column: int) -> list[str]:
    rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
    return [row.find_elements(By.CSS_SELECTOR, "th, td")[column].text for row in rows if row.is_displayed()]


def head(table: WebElement, words: str) -> WebElement:
    heads = table.find_elements(By.CSS_SELECTOR, "thead th")
    return next(found for found in heads if found.find_element(By.TAG_NAME, "button").text.startswith(words))


def column_of(table: WebElement, words: str) -> int:
    return table.find_elements(By.CSS_SELECTOR, "thead th").index(head(table, words))


def press(element: WebElement) -> None:
    """Click what the sticky head of the page may cover."""
    element.parent.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def press_head(table: WebElement, words: str) -> None:
    press(head(table, words).find_element(By.TAG_NAME, "button"))


def table_of(browser: Chrome, name: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f'[data-table="{name}"]')


def test_no_console_message_and_no_request(browser: Chrome, address: str) -> None:
    opened(browser, address)
    assert browser.get_log("browser") == []
    asked = schemes_asked(browser)
    assert "file" in asked, "the log of requests is on"
    assert asked <= {"file", "data"}


def test_page_may_not_reach_the_network(browser: Chrome, address: str) -> None:
    opened(browser, address)
    refused = browser.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done(false), () => done(true));"
    )
    assert refused
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


@pytest.mark.parametrize("size", [LAPTOP, PHONE, (320, 640)])
def test_page_is_no_wider_than_the_screen(browser: Chrome, address: str, size: tuple[int, int]) -> None:
    opened(browser, address, size)
    browser.find_element(By.ID, "show-keys").click()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert browser.execute_script("return window.innerWidth") == size[0], "a phone did not have to zoom out"


def test_scale_is_readable_on_a_phone(browser: Chrome, address: str) -> None:
    opened(browser, address, PHONE)
    table = table_of(browser, "basis")
    scroll = table.find_element(By.CLASS_NAME, "scroll")
    assert browser.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", scroll)
    source = table.find_element(By.CSS_SELECTOR, "tbody td:last-child")
    assert source.is_displayed()
    assert source.size["width"] > 300
    assert not table.find_element(By.TAG_NAME, "thead").is_displayed()


def test_paper_has_the_page_of_a_laptop_without_its_tools(browser: Chrome, address: str) -> None:
    opened(browser, address, (720, 1000))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown_on_paper = {
        selector: browser.find_element(By.CSS_SELECTOR, selector).is_displayed()
        for selector in (".on-paper", ".tools", ".top", "[data-cells] .scroll", '[data-table="basis"] thead')
    }
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown_on_paper == {
        ".on-paper": True, ".tools": False, ".top": False, "[data-cells] .scroll": False,
        '[data-table="basis"] thead': True,
    }  # fmt: skip


def test_sorting_by_number_name_and_keyboard(browser: Chrome, address: str) -> None:
    opened(browser, address)
    table = table_of(browser, "cohort")
    ctcs, donor = column_of(table, "CTCs"), column_of(table, "Donor")
    press_head(table, "CTCs")
    numbers = [int(text) for text in shown(table, ctcs)]
    assert numbers == sorted(numbers)
    assert head(table, "CTCs").get_attribute("aria-sort") == "ascending"
    head(table, "CTCs").find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert [int(text) for text in shown(table, ctcs)] == numbers[::-1]
    assert head(table, "CTCs").get_attribute("aria-sort") == "descending"
    head(table, "Donor").find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
    assert shown(table, donor) == ["BRx-42", "P01", "P02", "P10"]
    assert head(table, "CTCs").get_attribute("aria-sort") == "none"


def test_filtering_and_switching_to_draws(browser: Chrome, address: str) -> None:
    opened(browser, address)
    table = table_of(browser, "cohort")
    assert len(shown(table, 0)) == 4
    press(table.find_element(By.CSS_SELECTOR, 'button[data-group="draw"]'))
    assert len(shown(table, 0)) == 8
    search = table.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("p0")
    assert set(shown(table, 0)) == {"P01", "P02"}
    assert table.find_element(By.CLASS_NAME, "count").text == "4 of 8 rows"
    search.send_keys(" no such thing")
    assert shown(table, 0) == []
    search.clear()
    search.send_keys("42 BRX")
    assert shown(table, 0) == ["BRx-42", "BRx-42"]
    assert shown(table, column_of(table, "Draw")) == ["0", "21"]


def test_cells_are_paged_sorted_and_filtered(browser: Chrome, address: str) -> None:
    opened(browser, address)
    table = browser.find_element(By.CSS_SELECTOR, "[data-cells]")
    names = shown(table, 0)
    assert len(names) == 25
    press(table.find_element(By.CSS_SELECTOR, 'button[data-step="1"]'))
    assert not set(names) & set(shown(table, 0))
    depth = column_of(table, "Depth")
    press_head(table, "Depth")
    press_head(table, "Depth")
    depths = [int(text.replace(",", "")) for text in shown(table, depth)]
    assert depths == sorted(depths, reverse=True)
    press(table.find_element(By.CSS_SELECTOR, 'option[value="HER2-0/low"]'))
    assert set(shown(table, column_of(table, "Call"))) == {"HER2-0/low"}
    pieces = table.find_element(By.CSS_SELECTOR, "tbody tr").find_elements(By.CSS_SELECTOR, "svg rect")
    assert [piece.get_attribute("class") for piece in pieces] == ["zero", "low", "positive"]


def test_keys_are_shown_on_demand(browser: Chrome, address: str) -> None:
    opened(browser, address)
    key = head(table_of(browser, "cohort"), "CTCs").find_element(By.TAG_NAME, "code")
    assert not key.is_displayed()
    browser.find_element(By.ID, "show-keys").send_keys(Keys.SPACE)
    assert key.is_displayed()
    assert key.text == "patients.csv: n_ctc"


def test_hostile_names_stay_text(
    browser: Chrome, draw_report: Draw, hostile_names: tuple[str, ...], tmp_path: Path
) -> None:
    opened(browser, written(draw_report(hostile_names, notes=hostile_names), tmp_path))
    assert browser.execute_script("return window.hacked") is None
    assert set(shown(table_of(browser, "cohort"), 0)) == set(hostile_names)
    cells = browser.find_element(By.CSS_SELECTOR, "[data-cells]")
    assert set(shown(cells, column_of(cells, "Donor"))) <= set(hostile_names)
    assert len(browser.find_elements(By.TAG_NAME, "img")) == len(browser.find_elements(By.CSS_SELECTOR, ".plate img"))
    assert browser.get_log("browser") == []


def test_text_has_contrast_in_both_schemes(browser: Chrome, address: str) -> None:
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        opened(browser, address)
        for selector in (".lead p", ".caption", ".top nav a", "thead th"):
            element = browser.find_element(By.CSS_SELECTOR, selector)
            paper = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
            assert _contrast(element.value_of_css_property("color"), paper) >= 4.5, (scheme, selector)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
