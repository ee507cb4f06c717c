"""Services that use what others answered, within one round."""

import re

import pytest

from helpers_modes import one_by_one, statuses, tells
from helpers_reload import config_of

TOKEN = "tok-4711/+=&\"'{{now}}"


def gather(gatherd, upstream, services, *arguments, **top):
    return gatherd.once(config_of(upstream, services, **top), *arguments)


def login(upstream, token=TOKEN, **more):
    """A service that gives TOKEN, for nobody else to see."""
    upstream.answers["/login"] = tells({"token": token, **more})
    values = {"token": {"path": "/token", "secret": True}}
    return {"url": "/login", "extract": {**values, **{name: f"/{name}" for name in more}}}


def skipped(document, name):
    """Why NAME was."""
    entry = document["services"][name]
    assert entry["status"] == "skipped" and entry["error"]["kind"] == "dependency"
    assert entry["attempts"] == 0 and entry["failures"] == 0 and entry["data"] is None
    return entry["error"]["message"]


# ---- a login chain ----


def test_a_token_goes_from_one_into_the_next(gatherd, upstream):
    """In any place of a request, escaped for it, and shown nowhere."""
    services = {
        "account": {
            "url": "/echo?token={{services.login.values.token}}",
            "headers": {"X-Token": "{{services.login.values.token}}"},
            "auth": {"bearer": "{{services.login.values.token}}"},
            "json": {
                "token": "{{services.login.values.token}}",
                "id": "{{{services.login.values.id}}}",
            },
        },
        "form": {"url": "/echo/form", "form": {"t": "{{services.login.values.token}}"}},
        "body": {"url": "/echo/body", "body": "<{{services.login.values.token}}>"},
        "login": login(upstream, id=18446744073709551615),
    }
    result = gather(gatherd, upstream, services, "--log-level", "debug")
    assert result.status == 0
    assert upstream.paths()[0] == "/login"
    (account,) = upstream.asked_for("/echo")
    assert account.query == {"token": TOKEN}
    assert account.header("X-Token") == TOKEN
    assert account.header("Authorization") == "Bearer " + TOKEN
    assert account.json() == {"token": TOKEN, "id": 18446744073709551615}
    assert b"18446744073709551615" in account.body
    (form,) = upstream.asked_for("/echo/form")
    assert form.body == b"t=tok-4711%2F%2B%3D%26%22%27%7B%7Bnow%7D%7D"
    assert upstream.asked_for("/echo/body")[0].body.decode() == f"<{TOKEN}>"
    # Not even where the server says it back.
    assert "4711" not in result.stdout + result.stderr
    entries = result.document["services"]
    assert entries["account"]["url"].endswith("/echo?token=***")
    assert entries["login"]["data"] is None
    assert entries["login"]["values"] == {"token": "***", "id": 18446744073709551615}


def test_the_token_of_each_round_is_its_own(gatherd, upstream):
    services = {"user": {"url": "/echo?t={{services.login.values.t}}"}, "login": {"url": "/login"}}
    services["login"]["extract"] = {"t": {"path": "/n", "secret": True}}
    upstream.answers["/login"] = one_by_one("one", "two", "three")
    config = config_of(upstream, services)
    result = gatherd.run("--rounds", 3, "-o", "-", config=config)
    assert result.status == 0
    tokens = [request.query["t"] for request in upstream.asked_for("/echo")]
    assert tokens == ["one", "two", "three"]


def test_a_chain_is_asked_in_its_order(gatherd, upstream):
    services = {
        "d": "/echo/d?{{services.c.status}}{{services.b.status}}",
        "c": "/echo/c?{{services.b.status}}",
        "b": {"url": "/echo/b", "needs": ["a"]},
        "a": "/delay/0.2",
        "free": "/ok",
    }
    result = gather(gatherd, upstream, services)
    assert result.status == 0
    paths = upstream.paths()
    assert set(paths[:2]) == {"/delay/0.2", "/ok"}
    assert paths[2:] == ["/echo/b", "/echo/c", "/echo/d"]
    assert list(result.document["services"]) == list(services)


def test_who_waits_for_another_holds_no_slot(gatherd, upstream):
    services = {f"w{number}": {"url": "/ok", "needs": "last"} for number in range(20)}
    services["last"] = "/echo/last"
    result = gather(gatherd, upstream, services, max_concurrent=1, max_per_host=1)
    assert result.status == 0
    assert upstream.paths()[0] == "/echo/last" and upstream.most == 1


def test_a_thousand_depend_on_one(gatherd, upstream):
    services = {f"n{n}": f"/echo/{n}?{{{{services.one.values.v}}}}" for n in range(1000)}
    services["one"] = {"url": "/one", "extract": {"v": "/v"}}
    upstream.answers["/one"] = tells({"v": "seen"})
    result = gather(gatherd, upstream, services)
    assert result.document["counts"]["ok"] == 1001
    assert upstream.paths()[0] == "/one" and len(upstream.paths()) == 1001
    assert all(request.query == {"seen": ""} for request in upstream.requests[1:])


CHAIN = 500


def chain(first):
    """n499 names n498, and so on, down to n0; the last stands first."""
    services = {"n0": {"url": first, "extract": {"n": "/n"}}}
    for number in range(1, CHAIN):
        url = f"/chain?n={{{{services.n{number - 1}.values.n}}}}"
        services[f"n{number}"] = {"url": url, "extract": {"n": "/n"}}
    return dict(reversed(services.items()))


def test_a_chain_of_500(gatherd, upstream):
    upstream.answers["/chain"] = lambda request, number: tells({"n": int(request.query["n"]) + 1})
    upstream.answers["/first"] = tells({"n": 0})
    result = gather(gatherd, upstream, chain("/first"))
    assert result.status == 0
    last = f"n{CHAIN - 1}"
    assert result.document["services"][last]["values"] == {"n": CHAIN - 1}
    asked = [int(request.query["n"]) for request in upstream.asked_for("/chain")]
    assert asked == list(range(CHAIN - 1))


def test_a_chain_of_500_skips(gatherd, upstream):
    result = gather(gatherd, upstream, chain("/status/500"))
    assert result.status == 1 and upstream.paths() == ["/status/500"]
    counts = result.document["counts"]
    assert counts["http_error"] == 1 and counts["skipped"] == CHAIN - 1
    assert "services.n7.values.n" in skipped(result.document, "n8")


# ---- what is missing ----

MISSING = {
    "failed": ({"url": "/status/500"}, "values.v"),
    "data of one that failed": ({"url": "/status/404"}, "data.v"),
    "null": ({"url": "/null"}, "values.v"),
    "null in its data": ({"url": "/null"}, "data.v"),
    "not in its data": ({"url": "/null"}, "data.w.x"),
    "behind a text": ({"url": "/null"}, "data.t.x"),
    "no such element": ({"url": "/null"}, "data.l.3"),
    "what was not measured": ({"url": "/null"}, "timing_ms.tls"),
    "no status of HTTP": ({"url": "http://127.0.0.1:{refused}/"}, "http_status"),
    "no error": ({"url": "/null"}, "error.kind"),
}


@pytest.mark.parametrize("case", MISSING)
def test_who_needs_what_is_not_there_is_skipped(gatherd, upstream, bad_ports, case):
    one, name = MISSING[case]
    upstream.answers["/null"] = tells({"v": None, "t": "text", "l": [1]})
    url = one["url"].format(refused=bad_ports.refused())
    name = f"services.one.{name}"
    services = {
        "one": {"url": url, "extract": {"v": "/v"}},
        "user": {"url": f"/echo/user?{{{{{name}}}}}"},
        "section": {"url": f"/echo/section?{{{{#{name}}}}}{{{{{name}}}}}{{{{/{name}}}}}"},
    }
    result = gather(gatherd, upstream, services)
    assert result.status == 1
    assert name in skipped(result.document, "user")
    assert "user" in result.document["failed"]
    assert "/echo/user" not in upstream.asked
    # In a section it is nothing.
    assert upstream.asked_for("/echo/section")[0].target.rstrip("?") == "/echo/section"
    assert re.search(rf"\[user\] skipped.*{re.escape(name)}", result.stderr)


def test_what_failed_is_no_longer_what_it_was(gatherd, upstream):
    services = {"user": "/echo?{{services.one.values.n}}", "one": {"url": "/one"}}
    services["one"]["extract"] = {"n": "/n"}
    upstream.answers["/one"] = one_by_one("first", 500, "third")
    result = gatherd.run("--rounds", 3, "-o", "-", config=config_of(upstream, services))
    found = [statuses(document)["user"] for document in result.documents]
    assert found == ["ok", "skipped", "ok"]
    targets = [request.target for request in upstream.asked_for("/echo")]
    assert targets == ["/echo?first", "/echo?third"]
    # What is skipped neither counts nor resets.
    first, second, _ = [document["services"]["user"] for document in result.documents]
    assert second["since"] == first["since"] and second["last_ok_at"] == first["last_ok_at"]


def test_a_state_is_there_where_the_answer_is_not(gatherd, upstream):
    services = {
        "bad": "/status/503",
        "tells": "/echo?{{services.bad.status}}&{{services.bad.http_status}}"
        "&{{services.bad.error.kind}}&{{services.bad.failures}}",
    }
    result = gather(gatherd, upstream, services)
    assert statuses(result.document)["tells"] == "ok"
    assert upstream.asked_for("/echo")[0].target == "/echo?http_error&503&http&1"


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_a_map_or_list_fits_no_url_and_no_header(gatherd, upstream, value):
    upstream.answers["/one"] = tells({"v": value})
    services = {
        "one": {"url": "/one", "extract": {"v": "/v"}},
        "url": "/echo?{{services.one.values.v}}",
        "header": {"url": "/echo", "headers": {"X-V": "{{services.one.values.v}}"}},
        "body": {"url": "/echo/body", "body": "{{services.one.values.v}}"},
        "json": {"url": "/echo/json", "json": ["{{{services.one.values.v}}}"]},
    }
    document = gather(gatherd, upstream, services).document
    for name in ("url", "header"):
        error = document["services"][name]["error"]
        assert error["kind"] == "template" and "services.one.values.v" in error["message"]
    assert upstream.asked_for("/echo/body")[0].json() == value
    assert upstream.asked_for("/echo/json")[0].json() == [value]
    assert "/echo" not in upstream.asked


def test_an_answer_stays_in_its_place(gatherd, upstream):
    """It adds no path, no query, no header, no key."""
    evil = '../admin?x=1#y\r\nX-Evil: 1\r\n\r\n", "admin": true, "z": "'
    upstream.answers["/one"] = tells({"v": evil})
    name = "{{services.one.values.v}}"
    services = {
        "one": {"url": "/one", "extract": {"v": "/v"}},
        "url": f"/echo/{name}?q={name}",
        "header": {"url": "/echo/header", "headers": {"X-V": name}},
        "json": {"url": "/echo/json", "json": {"v": name}},
        "form": {"url": "/echo/form", "form": {"v": name}},
    }
    result = gather(gatherd, upstream, services)
    assert result.status == 0
    (request,) = [one for one in upstream.requests if "q" in one.query]
    assert request.query == {"q": evil} and request.path.count("/") == 2
    (request,) = upstream.asked_for("/echo/header")
    assert request.header("X-Evil") is None and "X-Evil: 1" in request.header("X-V")
    assert upstream.asked_for("/echo/json")[0].json() == {"v": evil}
    assert b"&" not in upstream.asked_for("/echo/form")[0].body


# ---- names ----


def test_the_longest_name_is_meant(gatherd, upstream):
    services = {
        "a": {"url": "/a", "extract": {"v": "/v", "v.w": "/w"}},
        "a.data": {"url": "/ab", "extract": {"v": "/v"}},
        "user": "/echo?{{services.a.data.values.v}}&{{services.a.values.v}}"
        "&{{services.a.values.v.w}}&{{services.ü-1.values.v}}",
        "ü-1": {"url": "/ab", "extract": {"v": "/v"}},
    }
    upstream.answers["/a"] = tells({"v": "short", "w": "dotted"})
    upstream.answers["/ab"] = tells({"v": "long"})
    result = gather(gatherd, upstream, services)
    assert result.status == 0
    assert upstream.asked_for("/echo")[0].target == "/echo?long&short&dotted&long"


def test_into_the_data(gatherd, upstream):
    data = {"l": [{"n": "x"}, {"n": "y"}], "f": False, "d": {"a.b": 1.5}}
    upstream.answers["/one"] = tells(data)
    services = {
        "one": "/one",
        "user": "/echo?{{services.one.data.l.1.n}}&{{services.one.data.f}}"
        "&{{#services.one.data.l}}{{n}}-{{/services.one.data.l}}"
        "&{{^services.one.data.f}}not{{/services.one.data.f}}&{{services.one.data.d.a.b}}",
    }
    assert gather(gatherd, upstream, services).status == 0
    assert upstream.asked_for("/echo")[0].target == "/echo?y&false&x-y-&not&1.5"


def test_all_of_them(gatherd, upstream):
    """What is said of all targets stands as it is when the service is asked."""
    services = {
        "good": "/ok",
        "bad": "/status/500",
        "worse": {"url": "/status/404", "required": False},
        "tells": {
            "url": "/echo",
            "needs": "good",
            "json": {
                "failed": "{{{failed}}}",
                "names": "{{#targets}}{{name}}:{{kind}}:{{status}} {{/targets}}",
                "ok": "{{{counts.ok}}}",
                "counts": "{{counts.total}}/{{counts.pending}}",
                "status": "{{status}}",
                "each": "{{#failed}}<{{.}}>{{/failed}}",
                "none": "{{^services.bad.data}}none{{/services.bad.data}}",
                "worse": "{{services.worse.status}}",
            },
        },
    }
    assert statuses(gather(gatherd, upstream, services).document)["tells"] == "ok"
    assert upstream.asked_for("/echo")[0].json() == {
        "failed": ["bad", "worse"],
        "names": "good:service:ok bad:service:http_error worse:service:http_error "
        "tells:service:pending ",
        "ok": 1,
        "counts": "4/1",
        "status": "degraded",
        "each": "<bad><worse>",
        "none": "none",
        "worse": "http_error",
    }


# ---- needs ----


def test_needs_is_one_name_or_a_list(gatherd, upstream):
    services = {
        "a": "/ok",
        "warned": {"url": "/ok", "warn": {"status": 201}},
        "b": {"url": "/echo/b", "needs": "a"},
        "c": {"url": "/echo/c", "needs": ["b", "warned", "b"]},
    }
    assert gather(gatherd, upstream, services).status == 0
    # Whether b comes before the second of those that wait for nobody is left to chance.
    first, *middle, last = upstream.paths()
    assert (first, sorted(middle), last) == ("/ok", ["/echo/b", "/ok"], "/echo/c")


def test_where_one_of_its_needs_fails_it_is_skipped(gatherd, upstream):
    services = {
        "c": {"url": "/echo/c", "needs": "b", "required": False},
        "b": {"url": "/echo/b", "needs": ["good", "bad"], "required": False},
        "good": "/ok",
        "bad": {"url": "/status/500", "required": False},
    }
    result = gather(gatherd, upstream, services)
    # Nobody who counts has failed.
    assert result.status == 0 and result.document["status"] == "ok"
    assert result.document["failed"] == ["c", "b", "bad"]
    assert skipped(result.document, "b") == "needs bad, which is not well: http_error"
    assert skipped(result.document, "c") == "needs b, which is not well: skipped"
    assert set(upstream.asked) == {"/ok", "/status/500"}


def test_only_some_and_what_they_depend_on(gatherd, upstream):
    services = {
        "login": login(upstream),
        "user": "/echo/user?{{services.login.values.token}}",
        "last": {"url": "/echo/last", "needs": ["user"]},
        "other": "/status/500",
    }
    result = gather(gatherd, upstream, services, "--only", "last")
    assert result.status == 0
    assert list(result.document["services"]) == ["login", "user", "last"]
    assert upstream.paths() == ["/login", "/echo/user", "/echo/last"]
    result = gather(gatherd, upstream, services, "--only", "login,other")
    assert list(result.document["services"]) == ["login", "other"]
    result = gather(gatherd, upstream, services, "--only", "lats")
    assert result.status == 2 and "last" in result.stderr


# ---- faults ----

FAULTS = {
    "itself": ({"a": "/x?{{services.a.status}}"}, "a circle of dependencies: a -> a"),
    "needs itself": ({"a": {"url": "/x", "needs": "a"}}, "a circle of dependencies: a -> a"),
    "three": (
        {
            "c": {"url": "/x", "needs": "a"},
            "a": "/x?{{services.b.status}}",
            "b": "/x?{{#services.c.data}}x{{/services.c.data}}",
        },
        "a circle of dependencies: c -> a -> b -> c",
    ),
    "unknown": ({"login": "/x", "b": "/{{services.logn.status}}"}, "(did you mean login?)"),
    "no such need": ({"login": "/x", "b": {"url": "/x", "needs": "logn"}}, "did you mean login?"),
    "no field": ({"a": "/x", "b": "/{{services.a.datta}}"}, "(did you mean data?)"),
    "no value": (
        {"a": {"url": "/x", "extract": {"tok": "/t"}}, "b": "/{{services.a.values.token}}"},
        "a extracts no token",
    ),
    "secret data": (
        {
            "a": {"url": "/x", "extract": {"t": {"path": "/t", "secret": True}}},
            "b": "/{{services.a.data.t}}",
        },
        "keeps none (one of its values is secret)",
    ),
    "data that is not kept": (
        {"a": {"url": "/x", "data": False}, "b": "/{{services.a.data.t}}"},
        "keeps none (data: false)",
    ),
    "disabled": (
        {"a": {"url": "/x", "enabled": False}, "b": {"url": "/x", "needs": "a"}},
        "needs: a is not enabled",
    ),
    "host": ({"a": "/x", "b": "http://{{services.a.data.host}}/"}, "scheme, host and port"),
    "port": ({"a": "/x", "b": "http://h:{{services.a.http_status}}/"}, "scheme, host and port"),
    "scheme": ({"a": "/x", "b": "{{{services.a.data.url}}}"}, "scheme, host and port"),
    "no place": ({"a": "/x", "b": {"url": "/x", "method": "{{services.a.status}}"}}, "method: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_known_to_be_wrong_is_told_at_load(gatherd, upstream, fault):
    services, text = FAULTS[fault]
    result = gatherd.run("--check", config=config_of(upstream, services))
    assert result.status == 2
    (line,) = result.stderr.splitlines()
    assert re.match(r".*gatherd\.yaml:\d+:\d+: error: ", line) and text in line
