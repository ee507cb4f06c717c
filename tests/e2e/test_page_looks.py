"""How the page looks: what it says at a glance, to whom colours say nothing, on a phone."""

import pytest

from helpers_browser import Keys, browser, one_browser, read_data  # noqa: F401
from helpers_page import STATUSES, make_card, retell, shop, write_page  # noqa: F401
from helpers_prompts import models  # noqa: F401
from selenium.webdriver.common.action_chains import ActionChains

# ---- what is not required ----


@pytest.mark.parametrize(
    "statuses, sentence, family",
    [
        (
            {"a": "ok", "b": "ok", "reviews?": "http_error"},
            "All required targets are ok; reviews? failed, which is not required",
            "good",
        ),
        (
            {"a": "ok", "x?": "error", "y?": "timeout", "z?": "ok"},
            "The only required target is ok; x?, y? failed, which are not required",
            "good",
        ),
        (
            {"a": "ok", "b": "degraded", "x?": "error"},
            "1 of 3 targets is degraded: b; x? failed, which is not required",
            "warn",
        ),
        (
            {"a": "ok", "b": "pending", "x?": "error"},
            "No required target failed, 1 not asked yet; x? failed, which is not required",
            "good",
        ),
        ({"x?": "error", "y?": "ok"}, "1 of 2 targets failed, not required: x?", "good"),
        ({"x?": "error"}, "The only target failed, not required: x?", "idle"),
    ],
)
def test_it_is_as_well_as_the_document_says(browser, shop, statuses, sentence, family):
    """A name with a question mark is of one that is not required."""
    cards = [
        make_card(name, status, required=not name.endswith("?"))
        for name, status in statuses.items()
    ]
    browser.open(retell(shop, cards))
    assert browser.overall() == sentence
    assert browser.run("return document.getElementById('top').className") == family
    assert browser.driver.title.startswith("ok - ")


def test_a_document_that_is_ok_is_told_as_ok(browser, gatherd, models):
    services = {
        "shop": {"url": models.url + "/ok"},
        "reviews": {"url": models.url + "/status/503", "required": False},
    }
    page = write_page(gatherd, services, status=0)
    browser.open(page)
    assert read_data(page)["summary"]["status"] == "ok"
    assert browser.overall() == (
        "The only required target is ok; reviews failed, which is not required"
    )
    assert browser.run("return document.getElementById('top').className") == "good"
    browser.scripts(False)
    browser.open(page)
    assert browser.overall() == "Status ok: 1 of 2 targets failed, none of them required"


# ---- rows ----

# What is painted at a point of the window, in red, green, blue.
PIXEL = """
const [shot, x, y, done] = arguments;
const image = new Image();
image.onload = () => {
    const canvas = Object.assign(document.createElement('canvas'),
        { width: image.width, height: image.height }).getContext('2d');
    canvas.drawImage(image, 0, 0);
    done([...canvas.getImageData(x, y, 1, 1).data].slice(0, 3));
};
image.src = 'data:image/png;base64,' + shot;
"""


def painted(browser, x, y):
    shot = browser.driver.get_screenshot_as_base64()
    return browser.driver.execute_async_script(PIXEL, shot, x, y)


def box(browser, selector):
    """Where the first one is: left, top, right, bottom."""
    return browser.run(
        "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return [box.left, box.top, box.right, box.bottom]",
        selector,
    )


@pytest.mark.parametrize("opened", [False, True])
def test_the_pointer_does_not_hide_what_failed(browser, shop, opened):
    browser.media(prefers_reduced_motion="reduce")
    browser.open(retell(shop, [make_card("t", "error"), make_card("u")]))
    if opened:
        browser.open_row("t")
    left, top, right, bottom = box(browser, ".row")
    edge = (left + 1, (top + bottom) / 2)
    before = painted(browser, *edge)
    elsewhere = painted(browser, right - 4, edge[1])
    ActionChains(browser.driver).move_to_element(browser.find(".row .latency")).perform()
    assert painted(browser, right - 4, edge[1]) != elsewhere, "the pointer is on the row"
    assert painted(browser, *edge) == before != elsewhere


def test_the_ring_of_the_focus_is_around_the_row(browser, shop):
    browser.open(retell(shop, [make_card("t", description="What it is"), make_card("u")]))
    browser.run("document.getElementById('text').focus()")
    browser.press(Keys.TAB)
    assert browser.focused() == "t"
    rings = browser.run(
        "return [...document.querySelectorAll('.target *')]"
        ".filter((node) => getComputedStyle(node).outlineStyle !== 'none')"
        ".map((node) => node.className)"
    )
    assert rings == ["row"]
    # Nothing cuts it off: it is there on all four sides.
    left, top, right, bottom = box(browser, ".row")
    colour = painted(browser, left + 3, (top + bottom) / 2)
    assert colour != painted(browser, left + 7, (top + bottom) / 2)
    assert colour == painted(browser, right - 3, (top + bottom) / 2)
    middle = (left + right) / 2
    for edge, inwards in ((top, 1), (bottom, -1)):
        # It may lie between two pixels.
        across = [painted(browser, middle, edge + inwards * deep) for deep in (2, 3, 4)]
        assert colour in across


def test_what_stands_beside_each_other_is_level(browser, shop):
    """A name without a line below it, too; headings begin where the cards do."""
    browser.open(retell(shop, [make_card("t"), make_card("u", description="What it is")]))
    middles = browser.run(
        "return ['.name', '.status span', '.latency', '.since'].map((part) => {"
        "  const range = document.createRange();"
        "  range.selectNodeContents(document.querySelector('.target ' + part));"
        "  const box = range.getBoundingClientRect();"
        "  return (box.top + box.bottom) / 2;"
        "})"
    )
    assert max(middles) - min(middles) <= 1
    assert box(browser, "h2")[0] == box(browser, ".list")[0]


ERROR = {"kind": "http", "phase": None, "message": "returned HTTP 503", "excerpt": "sorry"}
LONG = "word " * 150 + "and the end"


@pytest.mark.parametrize(
    "more, told",
    [
        ({"description": "What it is"}, "What it is"),
        ({"response": "Two of five."}, "Two of five."),
        ({"error": ERROR, "status": "http_error"}, "returned HTTP 503"),
        ({"warnings": ["/queue is 131"]}, "/queue is 131"),
        ({"values": {"queue": 131}}, "131"),
    ],
)
def test_an_opened_row_says_nothing_twice(browser, shop, more, told):
    browser.open(retell(shop, [make_card("t", **more)]))
    browser.open_row("t")
    assert told in browser.in_row("t", ".line")
    assert told not in browser.in_row("t", ".more")
    assert ("sorry" in browser.in_row("t", ".more")) == ("error" in more)


@pytest.mark.parametrize(
    "more, told",
    [
        ({"response": LONG}, "and the end"),
        ({"response": "one\ntwo"}, "one\ntwo"),
        ({"description": "And so on", "response": "Two of five."}, "And so on"),
        ({"warnings": ["/a is 1", "/b is 2"]}, "/b is 2"),
        ({"values": {"text": LONG}}, "and the end"),
        (
            {"error": ERROR | {"message": LONG}, "status": "http_error"},
            "and the end",
        ),
        (
            {"error": ERROR | {"phase": "tls"}, "status": "error"},
            "http, while in the TLS handshake",
        ),
    ],
)
def test_an_opened_row_says_what_was_cut_or_did_not_fit(browser, shop, more, told):
    browser.open(retell(shop, [make_card("t", **more)]))
    browser.open_row("t")
    assert told not in browser.in_row("t", ".line")
    assert told in browser.in_row("t", ".more")


def test_a_line_of_more_than_two_is_whole_when_opened(browser, shop):
    message = "no good answer came " * 18
    error = ERROR | {"message": message.strip()}
    browser.size(1000, 800)
    browser.open(retell(shop, [make_card("t", "error", error=error)]))
    is_cut = (
        "const line = document.querySelector('.line');"
        "return line.scrollHeight > line.clientHeight + 1"
    )
    assert browser.run(is_cut)
    browser.open_row("t")
    assert not browser.run(is_cut)


# ---- without colours ----


def test_each_sign_is_one_of_its_own(browser, shop):
    browser.open(shop)
    signs, icons = browser.run(
        "return [SIGNS, [...STATUSES.values()].map((status) => status.icon)]"
    )
    assert len(set(signs.values())) == len(signs)
    assert signs["stale"] not in icons and signs["paused"] not in icons


SHARES = """
return [...document.querySelectorAll('#shares path')].map((path) => {
    const { x, y, width, height } = path.getBBox();
    const pieces = path.getAttribute('d').split('M').length - 1;
    return [path.getAttribute('class'), x, y, width, height, pieces];
});
"""


def test_the_shares_of_the_whole_have_shapes(browser, shop):
    browser.open(retell(shop, [make_card(status, status) for status in STATUSES]))
    parts = browser.run(SHARES)
    assert [part[0] for part in parts] == ["good", "warn", *["bad"] * 3, *["idle"] * 3]
    shapes = {family: (height, pieces) for family, _, _, _, height, pieces in parts}
    assert len(set(shapes.values())) == 4
    heights = [shapes[family][0] for family in ("bad", "warn", "good", "idle")]
    assert heights == sorted(heights, reverse=True), "what is worse is higher"
    assert shapes["bad"][1] == 2


def test_one_of_a_thousand_has_a_share_that_is_seen(browser, shop):
    cards = [make_card(f"t{i}", "error" if i == 7 else "ok", count=1) for i in range(1000)]
    browser.open(retell(shop, cards))
    good, bad = browser.run(SHARES)
    assert 0.01 < bad[3] / good[3] < 0.02
    assert bad[1] == good[3], "side by side"


# ---- on a phone ----


def test_targets_begin_in_the_upper_part_of_a_phone(browser, shop):
    browser.size(390, 844, mobile=True)
    browser.open(shop)
    assert box(browser, ".target")[1] < 844 / 2.5
    labels = browser.run(
        "return ['group', 'text'].map((id) => document.getElementById(id).labels[0].textContent)"
    )
    assert [label.split()[0] for label in labels] == ["Group", "Text"]
    widths = browser.run(
        "return [...document.querySelectorAll('.status span')]"
        ".map((status) => status.getClientRects().length)"
    )
    assert set(widths) == {1}, "no status is broken"


@pytest.mark.parametrize("width", [390, 1200])
def test_what_is_clicked_at_can_be_hit(browser, shop, width):
    """WCAG 2.2, success criterion 2.5.8, asks for 24."""
    browser.size(width, 844, mobile=width < 500)
    browser.open(shop)
    heights = browser.run(
        "return [...document.querySelectorAll('button, select, input[type=search], label')]"
        ".map((control) => control.getBoundingClientRect().height)"
    )
    assert len(heights) == 1 + 6 + 2 + 3
    assert min(heights) >= 31.9


# ---- paused ----


def test_a_paused_file_is_of_when_it_was_paused(browser, shop):
    browser.open(retell(shop, [make_card("t")], age=0, lasts=4))
    browser.find("#pause").click()
    at = browser.run("return timeWords(pausedAt, Date.now())")
    words = f"Paused at {at}; what stands here is of then."
    assert browser.notice() == words
    assert browser.run("return document.getElementById('top').className") == "paused"
    assert browser.driver.title.startswith("paused - ")
    browser.wait_for(lambda page: page.run("return nowThere() > Date.parse(summary.stale_after)"))
    browser.run("onSecond()")
    assert browser.notice() == words
    assert browser.overall() == "The only target is ok"


def test_one_that_was_old_before_stays_old(browser, shop):
    browser.open(retell(shop, [make_card("t")], age=4000), "#paused=1")
    assert browser.notice().startswith("Old since ")
    assert browser.text("#following") == "Updates are paused"
    assert browser.driver.title.startswith("stale - ")
