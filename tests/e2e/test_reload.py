"""SIGHUP: what a new config means for targets, limits, output and log."""

import datetime
import json
import signal
import stat
import subprocess
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, held
from helpers_gatherd import TIME, as_yaml, names_in, needs
from helpers_reload import complete, config_of, gather_now, status_is, status_is_there, verdict

__all__ = ["held"]  # a fixture

# ---- what is unchanged ----


def test_a_running_attempt_goes_on(gatherd, held):
    config = config_of(held, {"slow": "/held/slow", "other": "/ok"})
    with Daemon(gatherd, config) as daemon:
        held.wait_for(lambda held: "/held/slow" in held.asked and "/ok" in held.asked)
        for path in ("/echo/1", "/echo/2"):
            config["services"]["other"]["url"] = held.url + path
            assert daemon.reload(config)
            assert verdict(daemon) == [0, 0, 1, 1]
            held.wait_for(lambda held, path=path: path in held.asked)
        held.let_go("/held/slow")
        document = daemon.wait_document(status_is("slow", "ok"))
    assert document["services"]["slow"]["data"] == {"held": True}
    assert held.asked["/held/slow"] == 1 and not held.ended


def test_the_timer_goes_on(gatherd, upstream, slack):
    times = []

    def note(request, number):
        times.append(time.monotonic())
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    upstream.answers["/timed"] = note
    config = config_of(upstream, {"timed": "/timed", "other": "/ok"}, interval="400ms")
    with Daemon(gatherd, config) as daemon:
        for number in range(1, 8):
            upstream.wait_for(lambda upstream, number=number: len(times) >= number)
            config["services"]["other"]["url"] = f"{upstream.url}/echo/{number}"
            assert daemon.reload(config)
    # Which is counted from the first: each reload would push what it restarts further.
    for number, at in enumerate(times):
        assert abs(at - times[0] - number * 0.4) < 0.15 * slack


def test_what_is_known_of_a_target_stays(gatherd, upstream):
    """Of one that is unchanged, and by name of one that is changed, too."""
    upstream.answers["/once"] = lambda request, number: (
        b"HTTP/1.1 %d Well\r\nContent-Length: 0\r\n\r\n" % (200 if number == 1 else 500)
    )
    services = {"same": "/ok", "fails": "/status/503", "failed": "/once", "other": "/ok"}
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        before = gather_now(daemon)["services"]
        for name in ("fails", "failed", "other"):
            services[name] = {"url": services[name], "timeout": "30s"}
        assert daemon.reload(config_of(upstream, services))
        after = daemon.wait_document(
            lambda document: document["services"]["fails"]["failures"] == 3 and complete(document)
        )["services"]
    assert after["same"] == before["same"]
    assert [entry["failures"] for entry in after.values()] == [0, 3, 2, 0]
    for name in services:
        assert after[name]["since"] == before[name]["since"]
    assert after["failed"]["last_ok_at"] == before["failed"]["last_ok_at"] is not None
    assert after["other"]["checked_at"] > before["other"]["checked_at"]


def test_an_equal_config_changes_nothing(gatherd, upstream):
    """However it is written."""
    config = config_of(upstream, {"a": "/ok", "b": {"url": "/echo/b", "headers": {"X-A": "1"}}})
    with Daemon(gatherd, config) as daemon:
        before = daemon.wait_document(complete)
        config["x-note"] = {"whatever": ["else", 1]}
        config["services"]["a"] = config["services"]["a"]["url"]
        config["services"]["b"] = dict(reversed(config["services"]["b"].items()))
        assert daemon.reload("# a comment\n" + as_yaml(config))
        assert verdict(daemon) == [0, 0, 0, 2]
        after = daemon.wait_document(lambda new: new["generation"] > before["generation"])
    assert after["services"] == before["services"]
    assert after["round"] == before["round"]
    assert upstream.asked == {"/ok": 1, "/echo/b": 1}


def test_another_order_is_no_change(gatherd, held):
    services = {"a": "/ok", "b": "/held/b", "c": "/status/500"}
    with Daemon(gatherd, config_of(held, services, publish_after="10ms")) as daemon:
        before = daemon.wait_document(status_is("c", "http_error"))
        daemon.wait_document(status_is("a", "ok"))
        held.wait_for(lambda held: "/held/b" in held.asked)
        assert daemon.reload(config_of(held, dict(reversed(services.items()))))
        assert verdict(daemon) == [0, 0, 0, 3]
        held.let_go("/held/b")
        after = daemon.wait_document(status_is("b", "ok"))
    assert list(after["services"]) == ["c", "b", "a"]
    assert after["services"]["c"] == before["services"]["c"]
    assert held.asked == {"/ok": 1, "/held/b": 1, "/status/500": 1}


# ---- what is changed ----


def test_a_running_attempt_of_what_changed_is_dropped(gatherd, held):
    services = {"a": {"url": "/held/a"}, "b": "/ok"}
    with Daemon(gatherd, config_of(held, services)) as daemon:
        held.wait_for(lambda held: "/held/a" in held.asked and "/ok" in held.asked)
        services["a"]["headers"] = {"X-New": "yes"}
        assert daemon.reload(config_of(held, services))
        held.wait_for(lambda held: held.ended.get("/held/a") == 1)
        held.wait_for(lambda held: held.asked["/held/a"] == 2)
        between = daemon.wait_document(lambda document: document["outcome"] == "gathering")
        held.let_go("/held/a")
        after = daemon.wait_document(status_is("a", "ok"))
    assert between["services"]["a"]["status"] == "pending"
    assert between["counts"]["cancelled"] == after["counts"]["cancelled"] == 0
    assert between["failed"] == after["failed"] == []
    assert [request.header("X-New") for request in held.asked_for("/held/a")] == [None, "yes"]
    assert held.asked["/ok"] == 1
    assert after["services"]["a"]["failures"] == 0
    assert not daemon.matches(r"\[a\] .*cancel")


def with_header(value):
    return {"a": {"url": "/echo/a", "headers": {"X-It": value}}, "b": "/echo/b"}


CHANGES = {
    "timeout": ({"a": "/echo/a", "b": "/echo/b"}, {"a": {"url": "/echo/a", "timeout": "9s"}}),
    "query": ({"a": "/echo/a"}, {"a": "/echo/a?more"}),
    "max_body": ({"a": "/echo/a"}, {"a": {"url": "/echo/a", "max_body": "1KiB"}}),
    "header": (with_header("1"), with_header("2")),
    "no header": (with_header("1"), {"a": "/echo/a"}),
    "group": ({"a": "/echo/a"}, {"a": {"url": "/echo/a", "group": "here"}}),
    "deadline": ({"a": "/echo/a"}, {"a": {"url": "/echo/a", "deadline": "9s"}}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_asked_at_once(gatherd, upstream, change):
    before, after = ({"b": "/echo/b", **services} for services in CHANGES[change])
    with Daemon(gatherd, config_of(upstream, before)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config_of(upstream, after))
        upstream.wait_for(lambda upstream: upstream.asked["/echo/a"] == 2)
        assert verdict(daemon) == [0, 0, 1, 1]
        daemon.wait_log(r"info \[a\] changed: .*$")
        daemon.wait_document(lambda new: new["round"]["number"] == 2 and complete(new))
        # Nothing else is on its way: what is asked now comes behind it.
        gather_now(daemon)
    assert upstream.asked == {"/echo/a": 3, "/echo/b": 2}


def test_values_of_files_and_vars_are_compared(gatherd, upstream):
    (gatherd.folder / "secret").write_text("sesame-1\n")
    services = {
        "file": {"url": "/echo/file", "headers": {"X-It": "${file:%s/secret}" % gatherd.folder}},
        "var": "/echo/var?{{one}}",
        "part": "/echo/part?{{tree.leaf}}",
        "none": "/echo/none",
    }
    variables = {"one": 1, "tree": {"leaf": "green", "root": "deep"}, "unused": 1}
    with Daemon(gatherd, config_of(upstream, services, vars=variables)) as daemon:
        daemon.wait_document(complete)

        def asked_after(**changed):
            before = len(upstream.requests)
            assert daemon.reload(config_of(upstream, services, vars={**variables, **changed}))
            changes = verdict(daemon)[2]
            upstream.wait_for(lambda upstream: len(upstream.requests) >= before + changes)
            return sorted(request.target for request in upstream.requests[before:])

        assert asked_after(unused=2) == []
        assert asked_after(tree={"leaf": "green", "root": "cut"}) == []
        assert asked_after(one=2) == ["/echo/var?2"]
        assert asked_after(tree={"leaf": "red"}, one=2) == ["/echo/part?red"]
        (gatherd.folder / "secret").write_text("sesame-2\n")
        assert asked_after(tree={"leaf": "red"}, one=2) == ["/echo/file"]
        values = [request.header("X-It") for request in upstream.asked_for("/echo/file")]
        assert values == ["sesame-1", "sesame-2"]
        daemon.wait_document(complete)
    assert "sesame" not in daemon.output.read_text() + daemon.log


def test_defaults_change_those_that_have_them(gatherd, upstream):
    services = {"a": "/echo/a", "b": {"url": "/echo/b", "timeout": "7s"}}
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config_of(upstream, services, defaults={"timeout": "9s"}))
        upstream.wait_for(lambda upstream: upstream.asked["/echo/a"] == 2)
        assert verdict(daemon) == [0, 0, 1, 1]
        assert daemon.reload(config_of(upstream, services, defaults={"headers": {"X-D": "d"}}))
        upstream.wait_for(lambda upstream: upstream.asked == {"/echo/a": 3, "/echo/b": 2})
        assert verdict(daemon) == [0, 0, 2, 0]
    assert all(request.header("X-D") == "d" for request in upstream.requests[-2:])


# ---- what comes and goes ----


def test_what_is_gone_leaves_at_once(gatherd, held):
    services = {"held": "/held/a", "fails": "/status/500", "stays": "/ok"}
    with Daemon(gatherd, config_of(held, services, publish_after="10ms")) as daemon:
        before = daemon.wait_document(
            lambda document: document["counts"]["pending"] == 1 and document["failed"]
        )
        assert before["failed"] == ["fails"] and before["outcome"] == "gathering"
        assert before["in_flight"] == ["held"]
        # No round ends, and no answer comes: it is the reload that publishes.
        config = config_of(held, {"stays": "/ok"}, publish_after="1h")
        assert daemon.reload(config)
        assert verdict(daemon) == [0, 2, 0, 1]
        after = daemon.wait_document(lambda document: list(document["services"]) == ["stays"])
        held.wait_for(lambda held: held.ended == {"/held/a": 1})
        whole = daemon.wait_document(complete)
    assert after["counts"]["total"] == after["counts"]["ok"] == 1
    assert after["failed"] == after["in_flight"] == []
    assert after["status"] == "ok"
    assert after["services"]["stays"] == before["services"]["stays"]
    assert whole["services"] == after["services"]
    assert len(daemon.matches(r"info \[(held|fails)\] dropped$")) == 2
    assert held.asked == {"/held/a": 1, "/status/500": 1, "/ok": 1}


def test_what_is_new_is_asked_at_once(gatherd, upstream):
    with Daemon(gatherd, config_of(upstream, {"a": "/ok", "z": "/ok"})) as daemon:
        daemon.wait_document(complete)
        services = {"a": "/ok", "new": "/echo/new", "z": "/ok"}
        assert daemon.reload(config_of(upstream, services))
        assert verdict(daemon) == [1, 0, 0, 2]
        document = daemon.wait_document(status_is_there("new"))
        daemon.wait_log(r"info \[new\] added$")
    assert list(document["services"]) == ["a", "new", "z"]
    assert document["services"]["new"]["failures"] == 0
    assert document["round"]["targets"] == 1
    assert upstream.asked == {"/ok": 2, "/echo/new": 1}


def test_who_comes_back_begins_anew(gatherd, upstream):
    services = {"a": "/ok", "b": {"url": "/status/500"}}
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        assert gather_now(daemon)["services"]["b"]["failures"] == 2
        services["b"]["enabled"] = False
        assert daemon.reload(config_of(upstream, services))
        document = daemon.wait_document(lambda document: "b" not in document["services"])
        assert document["counts"]["total"] == 1 and document["failed"] == []
        services["b"]["enabled"] = True
        assert daemon.reload(config_of(upstream, services))
        document = daemon.wait_document(status_is_there("b"))
    assert document["services"]["b"]["failures"] == 1
    assert document["failed"] == ["b"]
    assert upstream.asked == {"/ok": 2, "/status/500": 3}


def test_an_empty_config_has_no_targets(gatherd, upstream):
    with Daemon(gatherd, config_of(upstream, {"a": "/ok", "b": "/status/500"})) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload("")
        document = daemon.wait_document(lambda document: document["services"] == {})
        assert document["counts"]["total"] == 0 and document["status"] == "ok"
        assert daemon.reload(config_of(upstream, {"a": "/ok"}))
        daemon.wait_document(lambda document: document["counts"]["ok"] == 1)


# ---- the interval ----


def test_another_interval_moves_the_timer_alone(gatherd, held):
    services = {"a": {"url": "/held/a"}, "b": {"url": "/ok"}}
    with Daemon(gatherd, config_of(held, services)) as daemon:
        held.wait_for(lambda held: held.asked == {"/held/a": 1, "/ok": 1})
        services["a"]["interval"] = "2h"
        services["b"]["interval"] = "100ms"
        assert daemon.reload(config_of(held, services))
        assert len(daemon.matches(r"info \[[ab]\] changed: interval")) == 2
        assert verdict(daemon) == [0, 0, 2, 0]
        held.wait_for(lambda held: held.asked["/ok"] >= 4)
        held.let_go("/held/a")
        daemon.wait_document(status_is("a", "ok"))
        services["b"]["interval"] = "3h"
        assert daemon.reload(config_of(held, services))
        asked = held.asked["/ok"]
        daemon.wait_document(complete)
        document = gather_now(daemon)
    assert held.asked["/held/a"] == 2 and not held.ended
    # One round may have been on its way while the config was read.
    assert held.asked["/ok"] - asked in (1, 2)
    assert document["services"]["b"]["failures"] == 0


def seconds_it_holds(document):
    made, stale = (
        datetime.datetime.fromisoformat(document[key].replace("Z", "+00:00"))
        for key in ("generated_at", "stale_after")
    )
    return (stale - made).total_seconds()


def test_the_document_says_how_long_it_holds(gatherd, upstream):
    services = {"a": "/ok"}
    with Daemon(gatherd, config_of(upstream, services, timeout="5s")) as daemon:
        assert seconds_it_holds(daemon.wait_document(complete)) == 2 * 3600 + 5
        assert daemon.reload(config_of(upstream, services, timeout="5s", interval="10m"))
        document = daemon.wait_document(lambda new: new["generation"] == 2)
        assert seconds_it_holds(document) == 2 * 600 + 5


# ---- what is shown ----


def test_what_is_only_shown_is_shown_anew(gatherd, upstream):
    service = {"url": "/ok", "group": "shops", "labels": {"team": "a"}, "description": "One."}
    with Daemon(gatherd, config_of(upstream, {"a": service})) as daemon:
        shown = daemon.wait_document(complete)["services"]["a"]
        assert [shown[key] for key in ("group", "description")] == ["shops", "One."]
        service.update(group="banks", labels={"team": "b", "tier": "1"}, description="Two.")
        assert daemon.reload(config_of(upstream, {"a": service}))
        daemon.wait_document(
            lambda document: (
                document["services"]["a"]["group"] == "banks"
                and document["services"]["a"]["labels"] == {"team": "b", "tier": "1"}
                and document["services"]["a"]["description"] == "Two."
            )
        )
        for key in ("group", "labels", "description"):
            del service[key]
        assert daemon.reload(config_of(upstream, {"a": service}))
        daemon.wait_document(lambda document: "group" not in document["services"]["a"])


# ---- limits ----


def test_max_concurrent_is_raised_and_lowered(gatherd, held):
    paths = [f"/held/{number}" for number in range(7)]
    services = {path[1:].replace("/", "-"): path for path in paths}

    def limited(count):
        return config_of(held, services, max_concurrent=count, publish_after="1ms")

    def are_asked(count):
        return lambda held: sorted(held.asked) == paths[:count]

    with Daemon(gatherd, limited(2)) as daemon:
        held.wait_for(are_asked(2))
        assert daemon.reload(limited(4))
        held.wait_for(are_asked(4))
        assert daemon.reload(limited(1))
        # Those in flight go on; the next begins when the last of them is done.
        for number in range(3):
            held.let_go(paths[number])
            daemon.wait_document(lambda new, number=number: new["counts"]["ok"] == number + 1)
            assert are_asked(4)(held)
        for number in range(3, 6):
            held.let_go(paths[number])
            held.wait_for(are_asked(number + 2))
        held.let_go(paths[6])
        document = daemon.wait_document(complete)
    assert document["counts"]["ok"] == 7
    assert set(held.asked.values()) == {1} and held.most == 4


# ---- output ----


def own_output(gatherd, upstream, name="one.json", **output):
    output = {"file": str(gatherd.folder / name), **output}
    return config_of(upstream, {"a": "/ok"}, output=output)


def daemon_with_own_output(gatherd, config, *arguments, **keywords):
    """One that is told by the config where the document goes."""
    daemon = Daemon(gatherd, config, *arguments, output=None, **keywords)
    daemon.output = gatherd.folder / "one.json"
    return daemon


def test_another_output_gets_the_documents(gatherd, upstream):
    with daemon_with_own_output(gatherd, own_output(gatherd, upstream)) as daemon:
        daemon.wait_document(complete)
        before = gather_now(daemon)
        text = daemon.output.read_bytes()
        # What another one left there does not count.
        (gatherd.folder / "two.json").write_text(json.dumps({**before, "generation": 99}))
        assert daemon.reload(own_output(gatherd, upstream, "two.json"))
        daemon.output = gatherd.folder / "two.json"
        after = daemon.wait_document(lambda new: new["generation"] != 99)
        assert after["generation"] == before["generation"] + 1
        assert after["services"] == before["services"]
        assert gather_now(daemon)["generation"] == before["generation"] + 2
        assert (gatherd.folder / "one.json").read_bytes() == text
        assert daemon.reload(own_output(gatherd, upstream))
        daemon.output = gatherd.folder / "one.json"
        daemon.wait_document(lambda new: new["generation"] == before["generation"] + 3)
    assert names_in(gatherd.folder) == ["gatherd.yaml", "one.json", "two.json"]


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_other_permissions_come_with_the_next_document(gatherd, upstream):
    with daemon_with_own_output(gatherd, own_output(gatherd, upstream)) as daemon:
        daemon.wait_document(complete)
        assert mode_of(daemon.output) == 0o644
        assert daemon.reload(own_output(gatherd, upstream, permissions="0600"))
        daemon.wait_document(lambda new: new["generation"] == 2)
        assert mode_of(daemon.output) == 0o600


def flushes_of_a_round(daemon):
    """How often a round's document and its folder are flushed to the disk."""
    trace = daemon.gatherd.folder / "trace"
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", trace]
    command += ["-p", str(daemon.process.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert "attached" in strace.stderr.readline()
        gather_now(daemon)
        # When the next one is there, all calls for the one before have returned.
        gather_now(daemon)
        strace.terminate()
        strace.communicate(timeout=PATIENCE)
    return trace.read_text().count("sync(")


def test_flushing_is_switched(gatherd, upstream):
    needs(["strace", "-f", "-o", "/dev/null", "true"])
    config = own_output(gatherd, upstream, sync=False)
    with daemon_with_own_output(gatherd, config) as daemon:
        daemon.wait_document(complete)
        assert flushes_of_a_round(daemon) == 0
        assert daemon.reload(own_output(gatherd, upstream))
        assert flushes_of_a_round(daemon) >= 2
        assert daemon.reload(own_output(gatherd, upstream, sync=False))
        gather_now(daemon)
        assert flushes_of_a_round(daemon) == 0


def test_publish_after_and_max_size_are_taken_over(gatherd, held):
    held.answers["/large"] = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5002\r\n\r\n"
        + b'"%s"' % (b"x" * 5000)
    )
    services = {"large": "/large", "slow": "/held/slow"}

    def with_size(size, after):
        return config_of(held, services, output={"max_size": size}, publish_after=after)

    with Daemon(gatherd, with_size("1MiB", "1h")) as daemon:
        held.wait_for(lambda held: held.asked == {"/large": 1, "/held/slow": 1})
        assert daemon.reload(with_size("4kB", "1ms"))
        # The reload's own document may have come before the answer was taken.
        held.let_go("/held/slow")
        document = daemon.wait_document(complete)
        assert document["services"]["large"]["data"] is None
        assert document["services"]["large"]["status"] == "ok"
        assert document["services"]["large"]["warnings"]
        held.hold("/held/slow")
        generation = document["generation"]
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: held.asked == {"/large": 2, "/held/slow": 2})
        document = daemon.wait_document(lambda new: new["generation"] > generation)
        assert document["outcome"] == "gathering"
        assert daemon.reload(with_size("1MiB", "1ms"))
        daemon.wait_document(
            lambda new: new["services"]["large"]["data"] == "x" * 5000,
        )
        held.let_go("/held/slow")
        daemon.wait_document(complete)


@pytest.mark.parametrize("name", ["missing/status.json", "folder"])
def test_an_output_that_cannot_be_written_changes_nothing(gatherd, held, name):
    (gatherd.folder / "folder").mkdir()
    config = own_output(gatherd, held)
    config["services"]["held"] = {"url": held.url + "/held/it"}
    with daemon_with_own_output(gatherd, config) as daemon:
        held.wait_for(lambda held: held.asked == {"/ok": 1, "/held/it": 1})
        bad = own_output(gatherd, held, name)
        bad["services"] = {"new": held.url + "/echo/new"}
        bad["log"] = {"format": "json"}
        assert not daemon.reload(bad)
        assert daemon.matches(rf"{TIME} error cannot write .*{name}")
        held.let_go("/held/it")
        document = daemon.wait_document(complete)
        assert list(document["services"]) == ["a", "held"]
        gather_now(daemon)
        good = own_output(gatherd, held)
        assert daemon.reload(good)
        daemon.wait_document(lambda new: list(new["services"]) == ["a"])
    assert held.asked == {"/ok": 2, "/held/it": 2}
    assert names_in(gatherd.folder) == ["folder", "gatherd.yaml", "one.json"]


# ---- options, and the log ----


def test_options_stay_in_force(gatherd, upstream):
    services = {"a": "/echo/{{x}}"}
    config = config_of(upstream, services, vars={"x": "of-the-file"})
    options = ["--var", "x=of-the-option", "-l", "warn"]
    with Daemon(gatherd, config, *options) as daemon:
        daemon.wait_document(complete)
        elsewhere = str(gatherd.folder / "elsewhere.json")
        log = {"level": "debug"}
        config = config_of(upstream, services, output={"file": elsewhere}, log=log, vars={"x": "y"})
        config["services"]["b"] = upstream.url + "/echo/b"
        generation = daemon.document["generation"]
        daemon.gatherd.config(config)
        daemon.signal(signal.SIGHUP)
        daemon.wait_document(
            lambda new: new["generation"] > generation and new["counts"]["ok"] == 2
        )
    assert upstream.asked == {"/echo/of-the-option": 1, "/echo/b": 1}
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]
    assert daemon.lines == []


def test_the_log_changes_its_level_and_format(gatherd, upstream):
    services = {"a": "/ok"}

    def with_log(**log):
        return config_of(upstream, services, log=log)

    with Daemon(gatherd, with_log()) as daemon:
        daemon.wait_document(complete)
        gather_now(daemon)
        assert len(daemon.matches(r"\[a\] responded")) == 1
        assert daemon.reload(with_log(level="debug"))
        gather_now(daemon)
        daemon.wait_log(r" debug \[a\] responded")
        assert daemon.reload(with_log(format="json"))
        line = json.loads(daemon.matches("config reloaded: ")[-1])
        assert line["level"] == "info" and line["target"] is None
        count = len(daemon.lines)
        services["b"] = "/status/500"
        daemon.gatherd.config(with_log(level="error"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_document(lambda new: new["failed"] == ["b"] and complete(new))
        gather_now(daemon)
        assert len(daemon.lines) == count


def test_who_is_asked_out_of_turn_misses_none(gatherd, held):
    """A new service is asked at once, and is still being asked when its interval begins."""
    services = {"a": {"url": "/ok"}}
    config = {**config_of(held, services), "interval": "300ms", "timeout": "20s"}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(status_is("a", "ok"))
        services["b"] = {"url": "/held/b"}
        assert daemon.reload({**config_of(held, services), "interval": "300ms", "timeout": "20s"})
        count = held.asked["/ok"] + 3
        held.wait_for(lambda held: held.asked["/ok"] >= count)
        held.let_go("/held/b")
        daemon.wait_document(status_is("b", "ok"))
        assert held.asked["/held/b"] == 1
    assert not daemon.matches("turn skipped")
