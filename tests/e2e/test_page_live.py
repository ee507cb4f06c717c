"""The page as the listener serves it, in a browser: it follows the daemon."""

import contextlib
import re
import signal
import socket
import time

import pytest

from helpers_browser import browser, one_browser  # noqa: F401
from helpers_daemon import Daemon
from upstream import answer


@pytest.fixture
def port():
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def config_of(upstream, port, names=("storefront", "payments"), **keys):
    return {
        "listen": f"127.0.0.1:{port}",
        "interval": "500ms",
        "timeout": "400ms",
        "services": {name: {"url": f"{upstream.url}/ok?{name}", **keys} for name in names},
    }


@contextlib.contextmanager
def followed(gatherd, browser, config, port):
    """The daemon, and BROWSER at its page."""
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        browser.open(f"http://127.0.0.1:{port}/")
        yield daemon
        # A page without its daemon would complain.
        browser.leave()


def fail(upstream):
    upstream.answers["/ok"] = answer("{}", 503)


def has_failed(document):
    return len(document["failed"]) == 2


def test_a_changed_status_is_shown_within_a_second(gatherd, browser, upstream, port, slack):
    with followed(gatherd, browser, config_of(upstream, port), port) as daemon:
        assert browser.overall() == "All 2 targets are ok"
        assert browser.texts("#facts > span")[3] == "Updates by itself"
        fail(upstream)
        daemon.wait_document(has_failed)
        begun = time.monotonic()
        browser.wait_for(lambda page: page.overall().startswith("All 2 targets failed"))
        assert time.monotonic() - begun < 1 * slack
        assert browser.in_row("payments", ".line") == "returned HTTP 503"
        assert browser.texts(".status") == ["http error", "http error"]


def test_generations_and_bars_go_on(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port):
        browser.wait_for(lambda page: int(page.text("#generation")) >= 4)
        told = browser.in_row("payments", "title")
        count = int(re.match(r"Last (\d+) outcomes: \1 ok; ", told)[1])
        assert count >= 4
        assert browser.texts("#age")[0].endswith("\u00a0s ago")


def test_what_is_open_stays_open_and_is_kept_up(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port):
        browser.open_row("payments")
        browser.run("document.querySelectorAll('.target button')[1].focus()")
        fail(upstream)
        browser.wait_for(
            lambda page: "HTTP status503" in page.in_row("payments", ".more")
        )
        assert browser.texts("[aria-expanded=true] .name") == ["payments"]
        assert browser.focused() == "payments"


def test_only_rows_with_news_are_touched(gatherd, browser, upstream, port):
    config = config_of(upstream, port, names=[f"t{i}" for i in range(20)], interval="1h")
    config["services"]["busy"] = upstream.url + "/ok"
    with followed(gatherd, browser, config, port):
        browser.wait_for(lambda page: page.text("#generation") != "1")
        browser.run(
            "window.touched = new Set();"
            "new MutationObserver((changes) => changes.forEach(({ target }) => {"
            "  const node = target.closest?.('.target') ?? target.parentElement?.closest('.target');"
            # Those of time alone are for all.
            "  if (node && !(target.className === 'since'))"
            "    touched.add(node.querySelector('.name').textContent);"
            "})).observe(document.getElementById('targets'),"
            "  { subtree: true, childList: true, characterData: true, attributes: true });"
        )
        before = int(browser.text("#generation"))
        browser.wait_for(lambda page: int(page.text("#generation")) >= before + 3)
        assert browser.run("return [...touched]") == ["busy"]


def test_filters_hold_for_what_comes(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port):
        browser.find("#failing").click()
        assert browser.names() == []
        fail(upstream)
        browser.wait_for(lambda page: page.names() == ["storefront", "payments"])


def test_a_reload_brings_other_targets(gatherd, browser, upstream, port):
    config = config_of(upstream, port)
    with followed(gatherd, browser, config, port) as daemon:
        browser.open_row("payments")
        browser.run("window.same = true")
        names = ("search", "payments", "<b>new</b>")
        daemon.reload(config_of(upstream, port, names, group="shop"))
        browser.wait_for(lambda page: page.names() == list(names))
        assert browser.texts("h2") == ["shop"]
        assert browser.texts("[aria-expanded=true] .name") == ["payments"]
        assert browser.run("return window.same"), "the page was not loaded anew"


def test_a_lost_connection_is_told_and_made_good(gatherd, browser, upstream, port):
    browser.excused = "events - Failed to load resource: net::ERR_"
    config = config_of(upstream, port)
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait_for(lambda page: int(page.text("#generation")) >= 2)
        daemon.kill()
        lost = "The connection to gatherd is lost. Trying again."
        browser.wait_for(lambda page: lost in (page.notice() or ""))
        last = int(browser.text("#generation"))
    with Daemon(gatherd, config):
        browser.wait_for(lambda page: page.notice() is None)
        browser.wait_for(lambda page: int(page.text("#generation")) > last)
        assert browser.texts("#following") == ["Updates by itself"]
        browser.leave()


def test_a_daemon_that_stands_still_is_told(gatherd, browser, upstream, port):
    """The connection is there, but no news comes."""
    with followed(gatherd, browser, config_of(upstream, port), port) as daemon:
        daemon.signal(signal.SIGSTOP)
        browser.wait_for(lambda page: page.notice() is not None)
        made = browser.run("return timeWords(madeAt, Date.now())")
        assert browser.notice() == (
            f"No news from gatherd since {made}: what stands here may have changed."
        )
        assert browser.texts("#following") == ["Waiting for news"]
        # It tries another connection, which is taken, but not answered either.
        browser.run("renewIfStale()")
        assert browser.texts("#following") == ["Waiting for news"]
        assert browser.overall() == "Last known: All 2 targets are ok"
        daemon.signal(signal.SIGCONT)
        browser.wait_for(lambda page: page.notice() is None)
        assert browser.texts("#following") == ["Updates by itself"]


def test_updates_can_be_paused(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port) as daemon:
        browser.find("#pause").click()
        assert browser.texts("#following") == ["Updates are paused"]
        paused = browser.text("#generation")
        daemon.wait_document(lambda document: document["generation"] > int(paused) + 2)
        assert browser.text("#generation") == paused
        # Well past stale_after, but it is the reader who wants it so.
        browser.wait_for(lambda page: page.run("return nowThere() > Date.parse(summary.stale_after)"))
        time.sleep(1.5)
        assert re.fullmatch(
            r"Paused at [0-9:]{8}; what stands here is of then\.", browser.notice()
        )
        assert browser.driver.title.startswith("paused - ")
        browser.find("#pause").click()
        browser.wait_for(lambda page: page.notice() is None)
        browser.wait_for(lambda page: int(page.text("#generation")) > int(paused))


TELL = """
const tell = (more, status) => onGeneration({ data: JSON.stringify({
    generation: 99, complete: true, summary: { ...data.summary, ...more },
    entries: data.entries.map((card) => ({ ...card, status })) }) });
"""


def test_the_tabs_icon_goes_with_the_state(gatherd, browser, upstream, port):
    """Before anything was asked the document is ok, in the same word."""
    with followed(gatherd, browser, config_of(upstream, port), port):
        pending, ok = browser.run(
            TELL + "const counts = { ...data.summary.counts, ok: 0, pending: 2 };"
            "const tab = () => [document.title, byId('favicon').getAttribute('href')];"
            "tell({ status: 'ok', counts }, 'pending');"
            "const pending = tab();"
            "tell({ status: 'ok', counts: { ...counts, ok: 2, pending: 0 } }, 'ok');"
            "return [pending, tab()]"
        )
        assert pending[0] == ok[0] and pending[1] != ok[1]


def test_links_can_be_hit(gatherd, browser, upstream, port):
    """WCAG 2.2, success criterion 2.5.8."""
    with followed(gatherd, browser, config_of(upstream, port), port):
        heights = browser.run(
            "return [...document.querySelectorAll('footer a')]"
            ".map((link) => link.getBoundingClientRect().height)"
        )
        assert len(heights) == 2 and min(heights) >= 24


def test_before_the_first_round_there_is_none(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port):
        told = browser.run(
            TELL + "const round = { number: 0, started_at: null, duration_ms: null, targets: 0 };"
            "tell({ round }, 'pending');"
            "return byId('round').textContent"
        )
        assert re.fullmatch(r"gatherd [0-9.]+\S*\. No round yet\.", told)


def test_another_version_of_the_program_brings_its_own_script(gatherd, browser, upstream, port):
    with followed(gatherd, browser, config_of(upstream, port), port):
        browser.open_row("payments")
        browser.run(TELL + "window.isOld = true; tell({ generator: 'gatherd 99' }, 'ok')")
        browser.wait_for(lambda page: page.run("return window.isOld === undefined"))
        browser.wait_for(lambda page: int(page.text("#generation") or 0) >= 2)
        assert browser.run("return rows.get('payments').more.hidden") is False


def test_a_thousand_targets_stay_smooth(gatherd, browser, upstream, port, slack):
    config = config_of(upstream, port, names=[f"t{i:04}" for i in range(1000)], interval="1h")
    config |= {"max_concurrent": 64, "timeout": "30s"}
    config["services"]["busy"] = upstream.url + "/ok"
    with followed(gatherd, browser, config, port):
        browser.wait_for(lambda page: page.overall() == "All 1001 targets are ok")
        browser.run(
            "window.longest = 0;"
            "new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => {"
            "  longest = Math.max(longest, duration);"
            "})).observe({ type: 'longtask' });"
        )
        before = int(browser.text("#generation"))
        browser.wait_for(lambda page: int(page.text("#generation")) >= before + 6)
        longest = browser.run("return longest")
        print(f"the longest task took {longest} ms")
        assert longest < 200 * slack
