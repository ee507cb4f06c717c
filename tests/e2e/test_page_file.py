"""The page as a file, `output.page`, in a browser and from the disk: no server is there."""

import json
import time

import pytest

from helpers_browser import Keys, browser, one_browser, read_data, write_data  # noqa: F401
from helpers_page import ANSWER, STATUSES, card_of, make_card, moment, retell, tell, write_page
from helpers_page import shop  # noqa: F401
from helpers_prompts import models  # noqa: F401
from models import says
from upstream import sends

# ---- what it says ----


def test_the_overall_state_stands_first(browser, shop):
    data = read_data(shop)
    browser.open(shop)
    assert browser.overall() == "2 of 6 targets failed: search, payments"
    assert browser.run("return document.querySelector('h1').textContent") == browser.overall()
    host = data["summary"]["host"]
    assert browser.driver.title == f"2 of 6 failed - {host} - gatherd"
    facts = browser.texts("#facts > span")
    assert facts[0] == "Host " + host
    assert facts[1] == "Generation 1"
    assert facts[2].startswith("Made ") and facts[2].endswith("\u00a0s ago")
    assert facts[3].startswith("Reloads every ")
    assert browser.texts("#counts li") == ["3 ok", "1 degraded", "1 timeout", "1 http error"]
    assert browser.notice() is None


@pytest.mark.parametrize(
    "statuses, sentence, family",
    [
        ([], "There are no targets", "idle"),
        (["ok"], "The only target is ok", "good"),
        (["ok"] * 12, "All 12 targets are ok", "good"),
        (["ok", "ok", "degraded"], "1 of 3 targets is degraded: t2", "warn"),
        (["error", "ok"], "1 of 2 targets failed: t0", "bad"),
        (["error"] * 8, "All 8 targets failed: t0, t1, t2, t3, t4 and 3 more", "bad"),
        (["ok", "ok", "pending"], "2 of 3 targets are ok, 1 not asked yet", "good"),
        (["pending"] * 2, "No target was asked yet", "idle"),
    ],
)
def test_the_overall_state_is_a_sentence(browser, shop, statuses, sentence, family):
    cards = [make_card(f"t{i}", status) for i, status in enumerate(statuses)]
    browser.open(retell(shop, cards))
    assert browser.overall() == sentence
    assert browser.run("return document.getElementById('top').className") == family
    assert len(browser.names()) == len(cards)


def test_groups_stand_in_the_order_of_the_config_and_the_rest_behind_them(browser, shop):
    browser.open(shop)
    assert browser.texts("h2") == ["shop", "platform", "Other targets"]
    assert browser.names() == [
        *["storefront", "payments", "stock"],
        *["search", "summary"],
        "mail",
    ]
    assert browser.texts(".told") == [
        "3 targets, 1 failed, 1 degraded",
        "2 targets, 1 failed",
        "1 target",
    ]


def test_each_row_says_what_is_the_matter(browser, shop):
    browser.open(shop)
    assert browser.in_row("storefront", ".line") == "What customers see"
    assert browser.in_row("storefront", ".tags") == "team: webtier: 1"
    assert browser.in_row("payments", ".line").startswith("timed out after 150ms")
    assert browser.in_row("search", ".line") == "returned HTTP 503"
    assert "/queue" in browser.in_row("stock", ".line")
    assert browser.in_row("summary", ".line") == "All is well, but <b>payments</b> are slow."
    assert browser.in_row("mail", ".since") == "for 0\u00a0s"
    assert browser.in_row("mail", ".latency").endswith("\u00a0ms")
    assert browser.in_row("payments", ".status") == "timeout"


def test_a_status_is_a_word_and_a_shape_and_a_colour(browser, shop):
    browser.open(retell(shop, [make_card(status, status) for status in STATUSES]))
    words = browser.texts(".status")
    assert words == [status.replace("_", " ") for status in STATUSES]
    icons = browser.run(
        "return [...document.querySelectorAll('.target .status path')]"
        ".map((path) => path.getAttribute('d'))"
    )
    assert len(set(icons)) == len(STATUSES)
    colours = browser.run(
        "return [...document.querySelectorAll('.target .status')]"
        ".map((status) => getComputedStyle(status).color)"
    )
    assert len(set(colours)) == 4


def test_the_last_outcomes_are_bars_and_words(browser, shop):
    history = {
        "outcomes": "ooodthecs",
        "durations_ms": [100, 200, 300, 150, 5000, 20, 1, None, None],
    }
    browser.open(retell(shop, [make_card("t", "skipped") | {"history": history}]))
    assert browser.in_row("t", ".spark title") == (
        "Last 9 outcomes: 3 ok, 1 degraded, 1 timeout, 1 http error, 1 error, "
        "1 cancelled, 1 skipped; a good one took 100\u00a0ms to 300\u00a0ms"
    )
    paths = browser.run(
        "return Object.fromEntries([...document.querySelectorAll('.spark path:not(.foot)')]"
        ".map((path) => [path.getAttribute('class'), path.getAttribute('d')]))"
    )
    # A path a family, with as many pieces as its shape has; the newest is at the right end.
    pieces = {family: lines.count("M") for family, lines in paths.items()}
    assert pieces == {"good": 3, "warn": 2, "bad": 6, "idle": 2}
    assert paths["idle"].split("M")[-1].startswith("177 ")
    tops = [int(piece.split()[1].split("h")[0]) for piece in paths["good"].split("M")[1:]]
    assert tops[0] > tops[1] > tops[2], "the longer it took the higher"
    assert browser.run(
        "return document.querySelector('.spark title').namespaceURI"
    ) == "http://www.w3.org/2000/svg"


def test_what_is_told_when_a_row_is_opened(browser, shop):
    data = read_data(shop)
    card_of(data, "storefront")["certificate_expires_at"] = moment(86400 * 30 + 3600 * 12.5)
    browser.open(write_data(shop, data))
    for name in ("storefront", "stock", "search", "summary"):
        browser.open_row(name)
    assert browser.in_row("summary", ".answer") == ANSWER
    assert "the-model-2" in browser.in_row("summary", ".more")
    assert "this is 503" in browser.in_row("search", ".excerpt")
    assert "Kind of errorhttp" in browser.in_row("search", ".more dl")
    assert "queue131stateopen" in browser.in_row("stock", ".more")
    facts = browser.in_row("storefront", ".more dl")
    assert "Certificateexpires in 30\u00a0d\u00a012\u00a0h" in facts
    assert "HTTP status200" in facts and "Attempts1" in facts and "/ok" in facts
    browser.open_row("stock")
    assert browser.texts("[aria-expanded=true] .name") == ["storefront", "search", "summary"]


def test_a_certificate_that_is_due_is_told_in_the_row(browser, shop):
    browser.open(retell(shop, [make_card("t", certificate_expires_at=moment(86400 * 3))]))
    assert browser.in_row("t", ".line").startswith("its certificate expires in 2\u00a0d")


def test_no_targets_are_an_empty_page(browser, gatherd):
    browser.open(write_page(gatherd, {}, status=0))
    assert browser.overall() == "There are no targets"
    assert browser.texts("main p") == ["The config has no targets."]
    assert browser.texts("#filters") == []


def test_without_scripts_it_says_how_things_are(browser, shop):
    browser.scripts(False)
    browser.open(shop)
    body = browser.find("body").text
    assert "Status degraded: 2 of 6 targets failed" in body
    assert "The targets are shown by a script" in body


def test_it_asks_for_nothing_but_itself(browser, shop):
    browser.open(shop)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.find("#favicon").get_attribute("href").startswith("data:image/svg+xml,")


# ---- filters ----


def test_failing_only(browser, shop):
    browser.open(shop)
    browser.find("#failing").click()
    assert browser.names() == ["payments", "search"]
    assert browser.texts("h2") == ["shop", "platform"]
    assert browser.text("#shown") == "2 of 6 shown"
    assert browser.hash() == "#failing=1"
    browser.find("#failing").click()
    assert len(browser.names()) == 6 and browser.text("#shown") == ""


def test_one_group(browser, shop):
    browser.open(shop)
    options = browser.run(
        "return [...document.getElementById('group').options].map((option) => option.text)"
    )
    assert options == ["All groups", "shop", "platform"]
    browser.find("#group").send_keys("platform")
    assert browser.names() == ["search", "summary"]
    assert browser.hash() == "#group=platform"


@pytest.mark.parametrize(
    "text, names",
    [
        ("PAY", ["payments"]),
        ("team: web", ["storefront"]),
        ("customers", ["storefront"]),
        ("503", ["search"]),
        ("shop stock", ["stock"]),
        ("prompt", ["summary"]),
        ("nowhere", []),
    ],
)
def test_a_text(browser, shop, text, names):
    browser.open(shop)
    browser.find("#text").send_keys(text)
    assert browser.names() == names
    assert browser.texts("#note") == ([] if names else ["Nothing fits the filters."])


def test_filters_stand_in_the_address(browser, shop):
    browser.open(shop, "#failing=1&group=shop")
    assert browser.names() == ["payments"]
    assert browser.find("#failing").is_selected()
    # Other ones by hand, as a link on another page would have them.
    browser.run("location.hash = '#text=s%26t+o'")
    browser.wait_for(lambda page: page.find("#text").get_property("value") == "s&t o")
    browser.open(shop, "#group=gone")
    assert len(browser.names()) == 6


def test_filters_last_over_a_reload(browser, shop):
    browser.open(shop)
    browser.find("#failing").click()
    browser.find("#text").send_keys("sea")
    assert browser.hash() == "#failing=1&text=sea"
    browser.driver.refresh()
    assert browser.names() == ["search"]
    assert browser.find("#text").get_property("value") == "sea"


# ---- time ----


DUE_AND_MADE = ("timeHere(summary.stale_after)", "madeAt")


def test_it_says_when_it_is_stale(browser, shop):
    cards = [make_card("t")]
    browser.open(retell(shop, cards, age=4000))
    assert browser.overall() == "Last known: The only target is ok"
    due, made = (browser.run(f"return timeWords({time}, Date.now())") for time in DUE_AND_MADE)
    assert browser.notice() == (
        f"Old since {due}: this file was made at {made}, and no newer one has taken its place."
    )
    assert browser.texts("#age") == ["1\u00a0h\u00a06\u00a0min ago"]
    assert browser.driver.title.startswith("stale")


def test_it_becomes_stale_while_one_looks(browser, shop):
    browser.open(retell(shop, [make_card("t")], age=0, lasts=3))
    assert browser.notice() is None
    browser.wait_for(lambda page: page.notice() is not None, 10)
    assert browser.overall().startswith("Last known: ")


def test_it_counts_its_age(browser, shop):
    browser.open(retell(shop, [make_card("t", since=moment(-58))], age=57))
    assert browser.texts("#age") in (["57\u00a0s ago"], ["58\u00a0s ago"])
    browser.wait_for(lambda page: page.text("#age") == "1\u00a0min ago", 10)


def test_it_reads_itself_again(browser, shop):
    cards = [make_card(f"t{i}", response="So it is.") for i in range(60)]
    browser.open(retell(shop, cards, age=0, lasts=10), "#text=t")
    browser.open_row("t50")
    browser.run("document.querySelectorAll('.target button')[49].focus()")
    browser.run("scrollTo(0, 2000)")
    cards[3]["status"] = "timeout"
    data = tell(read_data(shop), cards, age=0, lasts=600)
    data["summary"]["generation"] = 4711
    write_data(shop, data)
    browser.wait_for(lambda page: page.text("#generation") == "4711", 15)
    assert browser.overall() == "1 of 60 targets failed: t3"
    assert browser.hash() == "#text=t"
    assert browser.texts("[aria-expanded=true] .name") == ["t50"]
    assert browser.focused() == "t49"
    assert abs(browser.run("return scrollY") - 2000) < 100


def test_reading_again_can_be_paused(browser, shop):
    browser.open(retell(shop, [make_card("t")], age=0, lasts=4))
    browser.find("#pause").click()
    assert browser.hash() == "#paused=1"
    assert browser.text("#following") == "Updates are paused"
    browser.run("window.same = true")
    time.sleep(6)
    assert browser.run("return window.same") is True
    browser.find("#pause").click()
    browser.wait_for(lambda page: page.run("return window.same ?? null") is None, 15)


# ---- what would like to be markup ----

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "{{constructor.constructor('alert(4)')()}}",
    "javascript:alert(5)",
    "'\"><svg onload=alert(6)>",
    "<!--<script>",
]


def test_names_and_errors_and_answers_are_text(browser, gatherd, models):
    every = "\n".join(HOSTILE) + "\x00\x1b[31m\u202e\u2028"
    models.plan["x"] = lambda api, *_: says(api, every)
    services = {
        name: {
            "url": models.url + sends(json.dumps({"v": every}), status=500 + i % 2 * 3),
            "group": name,
            "description": name,
            "labels": {"a": name},
            "expect": {"status": [500]},
            "extract": {"value": "/v"},
        }
        for i, name in enumerate(HOSTILE)
    }
    page = write_page(gatherd, services, {"</script>": {"prompt": "x"}}, models, status=1)
    browser.open(page)
    assert browser.names() == [*HOSTILE, "</script>"]
    assert browser.texts("h2") == [*HOSTILE, "Other targets"]
    for name in browser.names():
        browser.open_row(name)
    elements = browser.run(
        "return [...document.querySelectorAll('#targets *')].map((node) => node.localName)"
    )
    assert set(elements) <= set(
        "section div h2 h3 h4 p ul li dl dt dd button span svg path title".split()
    )
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.run("return document.querySelectorAll('[onerror], [onload]').length") == 0
    shown = browser.in_row("</script>", ".answer")
    for text in HOSTILE:
        assert text in shown
    assert "\ufffd\ufffd[31m" in shown, "control characters are shown as what they are"
    assert browser.in_row(HOSTILE[1], ".excerpt").startswith('{"v": "<script>')


def test_a_large_answer_is_cut(browser, gatherd, models):
    models.plan["x"] = lambda api, *_: says(api, "<p>" + "word " * 200_000)
    service = {
        "url": models.url + sends('{"v": "' + "y" * 60_000 + '"}'),
        "extract": {"v": "/v"},
    }
    page = write_page(
        gatherd, {"s": service}, {"p": {"prompt": "x", "max_body": "4MiB"}}, models, status=0
    )
    assert page.stat().st_size < 100_000
    browser.open(page)
    browser.open_row("p")
    browser.open_row("s")
    assert browser.in_row("p", ".answer").startswith("<p>word word")
    assert browser.in_row("p", ".answer").endswith("…")
    assert "yyy…" in browser.in_row("s", ".more")


def test_what_a_former_run_wrote_may_be_strange(browser, shop):
    strange = {
        "status": "of old",
        "since": "yesterday",
        "error": {"kind": "new"},
        "values": {"a": None, "b": [1, {"c": "<i>"}]},
        "http_status": "x",
    }
    card = make_card("t", "ok") | strange
    data = tell(read_data(shop), [make_card("t", "error")])
    data["entries"] = [card]
    browser.open(write_data(shop, data))
    browser.open_row("t")
    assert browser.in_row("t", ".status") == "of old"
    assert browser.in_row("t", ".line") == "new"
    assert 'b[1,{"c":"<i>"}]' in browser.in_row("t", ".more")


# ---- for everybody ----


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("family", ["good", "warn", "bad", "idle", "stale", "paused"])
def test_contrast(browser, shop, scheme, family):
    shown = {
        "good": ["ok"],
        "warn": ["ok", "degraded"],
        "bad": list(STATUSES),
        "idle": ["pending"],
        "stale": ["ok", "error"],
        "paused": ["ok"],
    }[family]
    error = {"kind": "dns", "phase": "dns", "message": "no such host", "excerpt": "what it said"}
    cards = [
        make_card(
            status,
            status,
            group="a group",
            labels={"team": "web"},
            description="What it is",
            warnings=["beware"],
            values={"queue": 12},
            response="an answer",
            certificate_expires_at=moment(86400),
            error=error if status in ("error", "timeout") else None,
        )
        for status in shown
    ]
    browser.media(prefers_color_scheme=scheme)
    page = retell(shop, cards, age=4000 if family == "stale" else 1)
    browser.open(page, "#paused=1" if family == "paused" else "")
    assert browser.run("return document.getElementById('top').className") == family
    for name in shown:
        browser.open_row(name)
    time.sleep(0.3)  # until nothing fades any more
    assert browser.faint() == []


def test_the_contrast_is_looked_at(browser, shop):
    """Were it too low, the test above would find it."""
    browser.open(shop)
    browser.run("document.documentElement.style.setProperty('--soft', '#a0a8b0')")
    assert any("What customers see" in found for found in browser.faint())
    assert any("placeholder" in found for found in browser.faint())


def test_the_keyboard_reaches_all_there_is(browser, shop):
    browser.open(shop)
    reached = []
    for _ in range(10):
        browser.press(Keys.TAB)
        reached.append(browser.focused())
        # Of a target it is the whole row, which Enter opens.
        style = browser.run(
            "const active = document.activeElement;"
            "const style = getComputedStyle(active.closest('.row') ?? active);"
            "return [style.outlineStyle, parseFloat(style.outlineWidth)]"
        )
        assert style[0] != "none" and style[1] >= 2, f"{reached[-1]} does not show the focus"
    assert reached == [
        *["pause", "failing", "group", "text"],
        *["storefront", "payments", "stock", "search", "summary", "mail"],
    ]
    browser.press_back()
    browser.press(Keys.ENTER)
    assert browser.texts("[aria-expanded=true] .name") == ["summary"]
    browser.press(Keys.TAB)
    scrolls = browser.run("return document.activeElement.textContent")
    assert scrolls == ANSWER, "what scrolls can be scrolled"


def test_screen_readers_find_their_way(browser, shop):
    browser.open(shop)
    browser.open_row("search")
    landmarks = browser.run(
        "return ['header', 'form[role=search][aria-label]', 'main', 'footer']"
        ".map((selector) => document.querySelectorAll(`body > ${selector}`).length)"
    )
    assert landmarks == [1, 1, 1, 1]
    assert browser.run("return document.documentElement.lang") == "en"
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')]"
        ".map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    # Told of by itself is the overall state only, and, by what an output is, what a filter leaves.
    live = browser.run(
        "return [...document.querySelectorAll('[aria-live]:not([aria-live=off]), [role=alert],"
        " [role=status], [role=log]')].map((node) => node.id)"
    )
    assert live == ["overall"]
    assert browser.find("#shown").aria_role == "status"
    names = {name: browser.find(name).accessible_name for name in ("#failing", "#group", "#text")}
    assert names == {"#failing": "Failing only", "#group": "Group", "#text": "Text"}
    button = browser.find(".target button")
    assert button.accessible_name == "storefront"
    assert button.get_attribute("aria-controls") in browser.run(
        "return [...document.querySelectorAll('.more')].map((more) => more.id)"
    )
    spark = browser.find(".target .spark")
    assert spark.aria_role in ("img", "image")
    assert spark.accessible_name.startswith("Last 1 outcome: 1 ok")
    assert browser.run(
        "return [...document.querySelectorAll('section')]"
        ".every((section) => document.getElementById(section.getAttribute('aria-labelledby')))"
    )
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [320, 390, 800, 2560])
def test_nothing_is_cut_off_on_any_screen(browser, shop, width):
    long = "averylongnamewithoutanyblank" * 4
    cards = [
        make_card("t", "timeout", values={long: long}, labels={long[:40]: long}),
        make_card(long, group=long, response=long * 20, url="http://" + long, required=False),
    ]
    browser.size(width, 844, mobile=width < 500)
    browser.open(retell(shop, cards))
    for name in browser.names():
        browser.open_row(name)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    # Nothing of a row lies on anything else of it.
    assert browser.run(
        "return [...document.querySelectorAll('.row')].flatMap((row) => {"
        "  const boxes = [...row.children].filter((part) => part.checkVisibility())"
        "    .map((part) => part.getBoundingClientRect());"
        "  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>"
        "    a.left < b.right - 1 && b.left < a.right - 1 &&"
        "    a.top < b.bottom - 1 && b.top < a.bottom - 1));"
        "}).length"
    ) == 0


def test_who_wants_no_motion_gets_none(browser, shop):
    durations = (
        "return [...document.querySelectorAll('*')].map((node) => getComputedStyle(node))"
        ".filter((style) => parseFloat(style.transitionDuration) > 0"
        " || style.animationName !== 'none').length"
    )
    browser.open(shop)
    assert browser.run(durations) > 0
    browser.media(prefers_reduced_motion="reduce")
    assert browser.run(durations) == 0


def test_on_paper_stands_what_one_reads(browser, shop):
    browser.media("print", prefers_color_scheme="dark")
    browser.open(shop)
    assert browser.texts("#filters, #pause") == []
    assert len(browser.names()) == 6
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert browser.faint() == []


# ---- many ----


@pytest.fixture
def thousand(shop):
    cards = [
        make_card(
            f"branch {i:04}",
            "error" if i % 50 == 0 else "degraded" if i % 50 == 1 else "ok",
            group=f"region {i // 100}",
            labels={"region": str(i // 100)},
            values={"queue": i, "state": "open"},
        )
        for i in range(1000)
    ]
    return retell(shop, cards)


# From the beginning of the navigation: until all is there, and until it was painted.
OPENING = """
const done = arguments[0];
requestAnimationFrame(() => setTimeout(() => {
    const [navigation] = performance.getEntriesByType('navigation');
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    done([navigation.domContentLoadedEventEnd, paint?.startTime ?? performance.now()]);
}));
"""


def test_a_thousand_targets_open_within_a_second(browser, thousand):
    times = []
    for _ in range(3):
        browser.open(thousand)
        times.append(browser.driver.execute_async_script(OPENING))
        assert len(browser.names()) == 1000
    # Others may have had the machine meanwhile: the best of three.
    print(f"loaded and painted after ms: {times}")
    assert min(max(pair) for pair in times) < 1000


def test_filters_of_a_thousand_targets_are_quick(browser, thousand):
    browser.open(thousand)
    took = browser.run(
        "const text = document.getElementById('text');"
        "return ['b', 'branch', 'nothing', '', 'branch 07'].map((value) => {"
        "  const begun = performance.now();"
        "  text.value = value;"
        "  text.dispatchEvent(new Event('input', { bubbles: true }));"
        "  document.body.offsetHeight;"
        "  return performance.now() - begun;"
        "})"
    )
    print(f"filtered after ms: {took}")
    assert sorted(took)[2] < 100
    assert len(browser.names()) == sum("07" in f"{i:04}" for i in range(1000))
