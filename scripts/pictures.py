"""Photographs for scripts/pictures: of the page, and of what a terminal shows.

    pictures.py URL TERMINAL-OUTPUT FOLDER
"""

import html
import pathlib
import re
import sys

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

DESKTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}

# A terminal's colours, on its dark ground.
TERMINAL = """<!doctype html>
<meta charset="utf-8">
<style>
body { margin: 0; background: #fff }
pre { display: inline-block; margin: 0; padding: 18px 22px; background: #16191d;
      color: #dde1e6; font: 14px/1.4 "DejaVu Sans Mono", monospace }
.c1 { color: #fff; font-weight: bold }
.c2 { color: #98a1ab }
.c31 { color: #ff7a70 }
.c32 { color: #63d685 }
.c33 { color: #ecc04f }
</style>
<pre>%s</pre>
"""


def terminal_page(output):
    """What a terminal shows after OUTPUT, with colours, as a page."""
    text = "<span class=c2>$</span> gatherctl status\n" + html.escape(output.rstrip())

    def span(match):
        codes = match[1]
        return "</span>" if codes in ("", "0") else f"<span class=c{codes}>"

    return TERMINAL % re.sub("\x1b\\[([0-9]*)m", span, text.replace("\r", ""))


def start_browser():
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--lang=en"):
        options.add_argument(option)
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def look(browser, device, scheme):
    """See as on DEVICE, by someone who prefers SCHEME."""
    prefers = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in prefers.items()]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def row_button(browser, name):
    """What opens the row of a target, once there is one."""
    place = (By.XPATH, f"//button[@aria-expanded][normalize-space() = '{name}']")
    return WebDriverWait(browser, 30).until(lambda browser: browser.find_element(*place))


def photograph_page(browser, url, device, scheme, path, group=None, opened=()):
    """The page, of one GROUP or of all, with the rows of those OPENED."""
    look(browser, device, scheme)
    browser.get(url)
    row_button(browser, "headline")
    if group:
        Select(browser.find_element(By.TAG_NAME, "select")).select_by_visible_text(group)
        elsewhere = row_button(browser, "profile")
        WebDriverWait(browser, 30).until(lambda _: not elsewhere.is_displayed())
    for name in opened:
        row_button(browser, name).click()
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    browser.save_screenshot(str(path))


def photograph_terminal(browser, output, path):
    page = path.with_suffix(".html")
    page.write_text(terminal_page(output), encoding="utf-8")
    look(browser, DESKTOP, "light")
    browser.get(page.as_uri())
    browser.find_element(By.TAG_NAME, "pre").screenshot(str(path))


def main(url, output, folder):
    browser = start_browser()
    try:
        photograph_page(browser, url, DESKTOP, "light", folder / "page-light.png")
        photograph_page(
            *(browser, url, DESKTOP, "dark", folder / "page-dark.png"),
            group="assistant",
            opened=["headline"],
        )
        photograph_page(browser, url, PHONE, "light", folder / "page-phone.png")
        photograph_terminal(browser, output, folder / "gatherctl-status.png")
    finally:
        browser.quit()


if __name__ == "__main__":
    main(
        sys.argv[1],
        pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"),
        pathlib.Path(sys.argv[3]),
    )
