"""The page in a browser, Debian's Chromium without a screen, and what a person would look at."""

import json
import re

import pytest

pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMEDRIVER = "/usr/bin/chromedriver"

# Slow machines, with a browser for each of the tests' processes.
PATIENCE = 30

# The contrasts that WCAG 2.2 asks for at level AA (success criteria 1.4.3 and 1.4.11) of all
# texts and icons in sight, and of the edges of what is typed into: those that lack it.
FAINT = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const cache = new Map();
function parse(colour) {
    if (!cache.has(colour)) {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        cache.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return cache.get(colour);
}
function luminance([red, green, blue]) {
    const [r, g, b] = [red, green, blue].map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
}
function ground(node) {
    for (let at = node; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour[3] === 255)
            return colour;
        if (colour[3] !== 0)
            throw new Error('half transparent: ' + at.outerHTML.slice(0, 80));
    }
    return parse('Canvas');
}
const found = [];
let looked = 0;
function demand(least, what, colour, on) {
    const ratio = contrast(parse(colour), on);
    looked++;
    if (ratio < least)
        found.push(`${ratio.toFixed(2)} < ${least}: ${what}`);
}
const seen = (node) => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = texts.nextNode());) {
    const holder = node.parentElement;
    if (!node.data.trim() || holder.closest('svg, script, template') || !seen(holder))
        continue;
    const style = getComputedStyle(holder);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    demand(large ? 3 : 4.5, node.data.trim().slice(0, 40), style.color, ground(holder));
}
for (const path of document.querySelectorAll('svg path:not(.foot)')) {
    const style = getComputedStyle(path);
    const paint = style.fill === 'none' ? style.stroke : style.fill;
    if (seen(path) && path.getAttribute('d'))
        demand(3, 'a path of ' + path.parentNode.getAttribute('class'), paint,
            ground(path.closest('svg').parentElement));
}
for (const field of document.querySelectorAll('input[type=search], select, button#pause')) {
    const style = getComputedStyle(field);
    demand(3, 'edge of ' + field.id, style.borderTopColor, ground(field.parentElement));
    demand(4.5, 'text of ' + field.id, style.color, ground(field));
    demand(4.5, 'placeholder of ' + field.id, getComputedStyle(field, '::placeholder').color,
        ground(field));
}
return [looked, found];
"""


class Browser:
    """A tab; what it logs has to be nothing, which the fixture looks after."""

    def __init__(self):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        self.driver.set_page_load_timeout(PATIENCE)

    def reset(self):
        """As on a desk, by day, and with scripts."""
        self.excused = None  # a pattern: what the log may say all the same
        self.leave()
        self.scripts(True)
        self.media()
        self.size(1200, 900)
        self.driver.get_log("browser")

    def command(self, name, **arguments):
        """One of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def media(self, media="", **features):
        """MEDIA "print"; FEATURES as prefers_color_scheme="dark"."""
        features = {"prefers_color_scheme": "light"} | features
        self.command(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[
                {"name": name.replace("_", "-"), "value": value}
                for name, value in features.items()
            ],
        )

    def size(self, width, height, mobile=False):
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def scripts(self, run):
        self.command("Emulation.setScriptExecutionDisabled", value=not run)

    def open(self, place, hash=""):
        """PLACE: a path, or a URL. Also where only the hash is another one."""
        url = place if isinstance(place, str) else place.as_uri()
        self.leave()
        self.driver.get(url + hash)

    def complaints(self):
        """What the browser has logged since the last time."""
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        return [
            message
            for message in messages
            if not (self.excused and re.search(self.excused, message))
        ]

    def leave(self):
        self.driver.get("about:blank")

    # ---- what there is ----

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """The text of the first one, as it is in the document."""
        return self.run(
            "return document.querySelector(arguments[0])?.textContent ?? null", selector
        )

    def texts(self, selector):
        """Of all that can be seen."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((node) => node.checkVisibility()).map((node) => node.textContent)",
            selector,
        )

    def overall(self):
        return self.text("#headline")

    def notice(self):
        """What stands below it, or None."""
        return next(iter(self.texts("#notice")), None)

    def names(self):
        return self.texts(".name")

    def row(self, name):
        """The row of the target NAME, as an element."""
        return self.run(
            "return [...document.querySelectorAll('.target')].find((item) =>"
            " item.querySelector('.name').textContent === arguments[0])",
            name,
        )

    def in_row(self, name, selector):
        """The text of a part of it."""
        return self.run(
            "return arguments[0].querySelector(arguments[1]).textContent",
            self.row(name),
            selector,
        )

    def faint(self):
        """Where the contrast is too low."""
        looked, found = self.run(FAINT)
        assert looked > 10
        return found

    def hash(self):
        return self.run("return location.hash")

    # ---- what a person does ----

    def open_row(self, name):
        self.run("arguments[0].querySelector('button').click()", self.row(name))

    def press(self, *keys):
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def press_back(self):
        """Tab, backwards."""
        chain = ActionChains(self.driver)
        chain.key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()

    def focused(self):
        """What has the focus: its id, or the name of its target."""
        return self.run(
            "const active = document.activeElement;"
            "return active.closest('.target')?.querySelector('.name').textContent"
            " ?? (active.id || active.textContent)"
        )

    def wait_for(self, condition, timeout=PATIENCE):
        """Until CONDITION(self) holds; a reload may come in between."""
        WebDriverWait(self.driver, timeout, 0.05, (Exception,)).until(
            lambda _: condition(self)
        )


@pytest.fixture(scope="session")
def one_browser():
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(one_browser):
    one_browser.reset()
    yield one_browser
    assert one_browser.complaints() == []


# ---- the data of a page ----

DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


def read_data(page):
    """What the page, a path, tells of."""
    [(_, text, _)] = DATA.findall(page.read_text(encoding="utf-8"))
    return json.loads(text)


def write_data(page, data, to=None):
    """PAGE with other DATA, under the same policy. Replaced as gatherd replaces it."""
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    whole = page.read_text(encoding="utf-8")
    whole = DATA.sub(lambda match: match[1] + text + match[3], whole)
    to = to or page
    beside = to.with_name(to.name + ".new")
    beside.write_text(whole, encoding="utf-8")
    beside.rename(to)
    return to


__all__ = ["Browser", "Keys", "browser", "one_browser", "read_data", "write_data"]
