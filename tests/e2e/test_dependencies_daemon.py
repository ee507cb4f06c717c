"""Services that use what others answered, over rounds, reloads and restarts."""

import signal

import pytest

from helpers_daemon import Daemon, held
from helpers_modes import chosen, one_by_one, statuses, tells
from helpers_reload import complete, config_of, gather_now, status_is, verdict

__all__ = ["held"]  # a fixture

# Far from each of its multiples, whenever the tests run.
NEVER = "3000d"


def queries(upstream, path="/echo"):
    return [request.target.partition("?")[2] for request in upstream.asked_for(path)]


def user(of="one", name="values.n"):
    return f"/echo?{{{{services.{of}.{name}}}}}"


def giver(path="/n", **keys):
    return {"url": path, "extract": {"n": "/n"}, **keys}


# ---- from outside of the round ----


def test_what_is_asked_rarely_is_used_often(gatherd, upstream):
    services = {"user": {"url": user(), "interval": "50ms"}, "one": giver(interval="1h")}
    chosen(upstream, "/n", "seen")
    with Daemon(gatherd, config_of(upstream, services)):
        upstream.wait_for(lambda upstream: upstream.asked.get("/echo", 0) >= 5)
    assert upstream.asked["/n"] == 1
    assert set(queries(upstream)) == {"seen"}
    assert upstream.paths()[0] == "/n"


def test_one_that_still_runs_from_before_is_not_waited_for(gatherd, held):
    services = {"user": user(), "one": giver("/held/n"), "after": {"url": "/ok", "needs": "one"}}
    services["one"]["extract"] = {"n": "/held"}
    held.let_go("/held/n")
    with Daemon(gatherd, config_of(held, services)) as daemon:
        daemon.wait_document(complete)
        held.hold("/held/n")
        services["late"] = {"url": "/echo/late", "needs": "one"}
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: held.asked["/held/n"] == 2)
        # This one is in a round of its own.
        assert daemon.reload(config_of(held, services))
        held.wait_for(lambda held: "/echo/late" in held.asked)
        assert held.asked["/echo"] == 1 and held.asked["/ok"] == 1
        held.let_go("/held/n")
        held.wait_for(lambda held: held.asked["/echo"] == 2 and held.asked["/ok"] == 2)
    assert queries(held) == ["true", "true"]


@pytest.mark.parametrize("secret", [False, True])
def test_after_a_restart_the_restored_state_is_used(gatherd, upstream, secret):
    """But of a secret only *** is known, which is nobody's token."""
    services = {
        "user": {"url": user(), "interval": "100ms"},
        "one": giver(interval=NEVER, extract={"n": {"path": "/n", "secret": secret}}),
        "state": {"url": "/echo/state?{{services.one.status}}", "interval": "100ms"},
    }
    chosen(upstream, "/n", "as it was")
    config = config_of(upstream, services, align=True)
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda upstream: "/echo/state" in upstream.asked)
        daemon.wait_document(status_is("user", "skipped"))
        document = gather_now(daemon)
        assert statuses(document)["user"] == "ok"
    before = upstream.asked["/echo"]
    assert upstream.asked["/n"] == 1
    with Daemon(gatherd, config) as daemon:
        number = document["generation"]
        document = daemon.wait_document(
            lambda new: new["generation"] > number + 3 and new["counts"]["pending"] == 0
        )
        daemon.wait_log(r"\[user\] ")
    if secret:
        assert upstream.asked["/echo"] == before
        assert statuses(daemon.document)["user"] == "skipped"
        assert not any("***" in query for query in queries(upstream))
    else:
        assert set(queries(upstream)) == {"as%20it%20was"}
        assert upstream.asked["/echo"] > before
    assert upstream.asked["/n"] == 1
    assert queries(upstream, "/echo/state")[-1] == "ok"


def test_what_was_secret_before_a_restart_is_still_not_known(gatherd, upstream):
    def of(secret):
        one = giver(interval=NEVER, extract={"n": {"path": "/n", "secret": secret}})
        services = {"user": {"url": user(), "interval": "100ms"}, "one": one}
        return config_of(upstream, services, align=True)

    chosen(upstream, "/n", "once a secret")
    with Daemon(gatherd, of(True)) as daemon:
        daemon.wait_document(status_is("user", "skipped"))
        assert statuses(gather_now(daemon))["user"] == "ok"
    before = upstream.asked["/echo"]
    with Daemon(gatherd, of(False)) as daemon:
        daemon.wait_log(r"\[user\] skipped")
    assert upstream.asked["/echo"] == before and upstream.asked["/n"] == 1


def test_what_was_never_asked_is_missing(gatherd, upstream):
    services = {
        "user": {"url": user(), "interval": "100ms"},
        "needs": {"url": "/echo", "needs": ["one"], "interval": "100ms"},
        "state": {"url": "/echo/state?{{services.one.status}}", "interval": "100ms"},
        "one": giver(interval=NEVER),
    }
    with Daemon(gatherd, config_of(upstream, services, align=True)) as daemon:
        document = daemon.wait_document(lambda document: document["counts"]["pending"] == 1)
    messages = [document["services"][name]["error"]["message"] for name in ("user", "needs")]
    assert "services.one.values.n" in messages[0]
    assert messages[1] == "needs one, which was not asked yet"
    assert set(queries(upstream, "/echo/state")) == {"pending"}
    assert "/echo" not in upstream.asked and "/n" not in upstream.asked


def test_who_is_skipped_comes_back(gatherd, upstream):
    services = {"one": giver(), "user": user(), "needs": {"url": "/ok", "needs": "one"}}
    upstream.answers["/n"] = one_by_one(500, "well", 500)
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        assert statuses(daemon.document)["needs"] == "skipped"
        assert statuses(gather_now(daemon)) == {"one": "ok", "user": "ok", "needs": "ok"}
        document = gather_now(daemon)
    assert statuses(document) == {"one": "http_error", "user": "skipped", "needs": "skipped"}
    assert document["services"]["needs"]["last_ok_at"] is not None
    assert len(daemon.matches(r"\[user\] skipped")) == 2
    assert queries(upstream) == ["well"]


def test_keep_last_is_there_for_others(gatherd, upstream):
    services = {"one": giver(keep_last=True), "user": user(name="last_data.n")}
    upstream.answers["/n"] = one_by_one("good", 500)
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        document = gather_now(daemon)
    assert statuses(document) == {"one": "http_error", "user": "ok"}
    assert queries(upstream) == ["good", "good"]


# ---- reload ----


def test_a_reload_that_takes_away_what_others_name_is_refused(gatherd, upstream):
    services = {"one": giver(), "user": user(), "needs": {"url": "/ok", "needs": "one"}}
    chosen(upstream, "/n", "seen")
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        del services["one"]
        assert not daemon.reload(config_of(upstream, services))
        assert len(daemon.matches("no service is called one")) == 2
        document = gather_now(daemon)
    assert statuses(document) == {"one": "ok", "user": "ok", "needs": "ok"}
    assert queries(upstream) == ["seen", "seen"]


def test_what_is_renamed_is_asked_before_whoever_names_it(gatherd, upstream):
    services = {"user": user(), "one": giver(), "other": "/ok"}
    upstream.answers["/n"] = one_by_one("first", "second")
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        services = {"user": user("uno"), "uno": giver(), "other": "/ok"}
        assert daemon.reload(config_of(upstream, services))
        assert verdict(daemon) == [1, 1, 1, 1]
        upstream.wait_for(lambda upstream: upstream.asked["/echo"] == 2)
        document = daemon.wait_document(lambda document: document["round"]["number"] == 2)
    assert list(document["services"]) == ["user", "uno", "other"]
    assert queries(upstream) == ["first", "second"]
    assert upstream.asked["/ok"] == 1


def test_whoever_depends_on_what_changed_is_unchanged(gatherd, upstream):
    """It uses the new state when it is due."""
    services = {"user": user(), "one": giver()}
    upstream.answers["/n"] = one_by_one("first", "second", "third")
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        services["one"]["timeout"] = "9s"
        assert daemon.reload(config_of(upstream, services))
        assert verdict(daemon) == [0, 0, 1, 1]
        daemon.wait_document(lambda new: new["round"]["number"] == 2 and complete(new))
        assert queries(upstream) == ["first"]
        gather_now(daemon)
    assert queries(upstream) == ["first", "third"]


def test_whom_a_reload_drops_is_waited_for_no_more(gatherd, held):
    services = {"slow": "/held/slow", "waits": {"url": "/ok", "needs": "slow"}}
    with Daemon(gatherd, config_of(held, services)) as daemon:
        held.wait_for(lambda held: "/held/slow" in held.asked)
        del services["slow"]
        services["waits"].pop("needs")
        assert daemon.reload(config_of(held, services))
        document = daemon.wait_document(status_is("waits", "ok"))
    assert list(document["services"]) == ["waits"]
    assert held.asked["/ok"] == 1


def test_who_waits_is_asked_once_when_a_reload_brings_its_dependency_anew(gatherd, held):
    services = {"slow": "/held/slow", "waits": {"url": "/ok", "needs": "slow"}}
    held.let_go("/held/slow")
    with Daemon(gatherd, config_of(held, services)) as daemon:
        daemon.wait_document(complete)
        held.hold("/held/slow")
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: held.asked["/held/slow"] == 2)
        assert held.asked["/ok"] == 1
        services["slow"] = {"url": "/held/slow", "timeout": "2m"}
        assert daemon.reload(config_of(held, services))
        # Its last known state is well.
        held.wait_for(lambda held: held.asked["/ok"] == 2 and held.asked["/held/slow"] == 3)
        held.let_go("/held/slow")
        document = daemon.wait_document(
            lambda document: complete(document) and not document["in_flight"]
        )
    assert statuses(document) == {"slow": "ok", "waits": "ok"}
    assert held.asked["/ok"] == 2


def test_a_reload_may_turn_them_round(gatherd, upstream):
    upstream.answers["/a"] = upstream.answers["/b"] = tells({"n": "x"})

    def of(first, second):
        url = f"/{second}?{{{{services.{first}.values.n}}}}"
        return config_of(upstream, {second: giver(url), first: giver(f"/{first}")})

    with Daemon(gatherd, of("a", "b")) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(of("b", "a"))
        daemon.wait_document(lambda new: new["round"]["number"] == 2 and complete(new))
    assert upstream.paths() == ["/a", "/b", "/b", "/a"]


def test_a_circle_comes_into_no_daemon(gatherd, upstream):
    services = {"a": "/ok", "b": {"url": "/ok", "needs": "a"}}
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        services["a"] = {"url": "/ok", "needs": "b"}
        assert not daemon.reload(config_of(upstream, services))
        assert daemon.matches("a circle of dependencies: a -> b -> a")
