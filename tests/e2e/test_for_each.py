"""for_each: several services from one definition."""

import re

import pytest

from helpers_daemon import Daemon, held
from helpers_modes import statuses, tells
from helpers_reload import complete, config_of, gather_now, verdict

__all__ = ["held"]  # a fixture

TWO = {"region": ["eu", "us"], "tier": ["a", "b", "c"]}


def gather(gatherd, upstream, services, *arguments, **top):
    return gatherd.once(config_of(upstream, services, **top), *arguments)


def check(gatherd, services, **top):
    """The lines about a config of SERVICES."""
    result = gatherd.run("--check", config={**top, "services": services})
    assert result.status == (2 if " error: " in result.stderr else 0)
    return result.stderr.splitlines()


# ---- which services, in which order ----


def test_the_first_key_varies_slowest_and_all_stand_in_their_place(gatherd, upstream):
    services = {
        "before": "/ok",
        "{{tier}} in {{region}}": {"for_each": TWO, "url": "/echo?{{region}}-{{tier}}"},
        "after": "/ok",
    }
    result = gather(gatherd, upstream, services, max_concurrent=1)
    assert result.status == 0
    pairs = [(region, tier) for region in TWO["region"] for tier in TWO["tier"]]
    names = [f"{tier} in {region}" for region, tier in pairs]
    assert list(result.document["services"]) == ["before", *names, "after"]
    asked = [request.target for request in upstream.asked_for("/echo")]
    assert asked == [f"/echo?{region}-{tier}" for region, tier in pairs]
    assert result.document["counts"]["total"] == 8


def test_values_may_be_maps_numbers_and_words(gatherd, upstream):
    config = f"""
vars: {{shop: "{upstream.url}", site: {{path: echo}}}}
services:
  "{{{{at.name}}}}-{{{{n}}}}-{{{{flag}}}}":
    for_each:
      at:
      - {{name: eu, host: {{query: one}}, tags: [x, y]}}
      - {{name: us, host: {{query: "t w o"}}, tags: []}}
      n: [1.50]
      flag: [true, "no"]
    url: "{{{{{{shop}}}}}}/{{{{site.path}}}}?{{{{at.host.query}}}}"
    method: POST
    json:
      tags: "{{{{{{at.tags}}}}}}"
      n: "{{{{{{n}}}}}}"
      flag: "{{{{{{flag}}}}}}"
"""
    result = gatherd.once(config)
    assert result.status == 0, result.stderr
    names = ["eu-1.50-true", "eu-1.50-no", "us-1.50-true", "us-1.50-no"]
    assert list(result.document["services"]) == names
    found = {(request.target, request.body) for request in upstream.requests}
    assert found == {
        ("/echo?one", b'{"tags":["x","y"],"n":1.50,"flag":true}'),
        ("/echo?one", b'{"tags":["x","y"],"n":1.50,"flag":"no"}'),
        ("/echo?t%20w%20o", b'{"tags":[],"n":1.50,"flag":true}'),
        ("/echo?t%20w%20o", b'{"tags":[],"n":1.50,"flag":"no"}'),
    }


def test_its_names_go_before_vars_and_stand_in_every_template(gatherd, upstream):
    services = {
        "{{region}}{{suffix}}": {
            "for_each": {"region": ["eu", "us"]},
            "url": "/echo/{{region}}",
            "headers": {"X-Region": "{{region}} of {{#regions}}{{.}},{{/regions}}"},
        },
        "other": "/echo/{{region}}",
    }
    variables = {"region": "var", "suffix": "!", "regions": ["eu", "us"]}
    result = gather(
        gatherd, upstream, services, vars=variables, defaults={"form": {"r": "{{region}}"}}
    )
    assert list(result.document["services"]) == ["eu!", "us!", "other"]
    assert sorted(upstream.paths()) == ["/echo/eu", "/echo/us", "/echo/var"]
    (request,) = upstream.asked_for("/echo/us")
    assert request.header("X-Region") == "us of eu,us," and request.body == b"r=us"
    assert upstream.asked_for("/echo/var")[0].body == b"r=var"


def test_what_defaults_name_each_has_to_have(gatherd):
    services = {
        "{{region}}": {"for_each": {"region": ["eu"]}, "url": "http://a/"},
        "other": "http://a/",
    }
    lines = check(gatherd, services, defaults={"headers": {"X-Region": "{{region}}"}})
    assert len(lines) == 1 and "unknown name region" in lines[0]


def test_rules_and_all_other_keys_hold_for_each(gatherd, upstream):
    services = {
        "{{n}}": {
            "for_each": {"n": [1, 2, 3]},
            "url": "/n/{{n}}",
            "expect": {"json": {"/n": {"maximum": 2}}},
            "warn": {"json": {"/n": {"maximum": 1}}},
            "extract": {"n": "/n"},
            "group": "all",
            "labels": {"of": "it"},
            "required": False,
        }
    }
    for number in (1, 2, 3):
        upstream.answers[f"/n/{number}"] = tells({"n": number})
    result = gather(gatherd, upstream, services)
    assert result.status == 0
    assert statuses(result.document) == {"1": "ok", "2": "degraded", "3": "error"}
    entries = result.document["services"].values()
    assert [entry["values"] for entry in entries] == [{"n": 1}, {"n": 2}, {}]
    assert all(entry["group"] == "all" and entry["labels"] == {"of": "it"} for entry in entries)


def test_they_depend_and_are_depended_on(gatherd, upstream):
    services = {
        "sum": {
            "url": "/echo?{{services.eu-login.values.t}}-{{services.us-login.values.t}}",
            "needs": ["eu-data"],
        },
        "{{region}}-data": {
            "for_each": {"region": ["eu", "us"]},
            "url": "/echo/{{region}}",
            "needs": "eu-login",
        },
        "{{r}}-login": {"for_each": {"r": ["eu", "us"]}, "url": "/t/{{r}}", "extract": {"t": "/t"}},
    }
    upstream.answers["/t/eu"] = tells({"t": "one"})
    upstream.answers["/t/us"] = tells({"t": "two"})
    result = gather(gatherd, upstream, services)
    assert result.status == 0
    paths = upstream.paths()
    for dependent in ("/echo/eu", "/echo/us"):
        assert paths.index("/t/eu") < paths.index(dependent)
    assert upstream.asked_for("/echo")[0].target == "/echo?one-two"
    assert paths[-1] == "/echo"


def test_only_one_of_them(gatherd, upstream):
    services = {
        "{{r}}-data": {"for_each": {"r": ["eu", "us"]}, "url": "/echo/{{r}}", "needs": "eu-login"},
        "{{r}}-login": {"for_each": {"r": ["eu", "us"]}, "url": "/login/{{r}}", "expect": {}},
    }
    for region in ("eu", "us"):
        upstream.answers[f"/login/{region}"] = tells({})
    result = gather(gatherd, upstream, services, "--only", "us-data")
    assert result.status == 0
    assert list(result.document["services"]) == ["us-data", "eu-login"]
    result = gather(gatherd, upstream, services, "--only", "ap-data")
    assert result.status == 2 and "ap-data" in result.stderr


def test_ten_thousand_are_as_many_as_there_may_be(gatherd):
    hundred = list(range(100))
    definition = {"for_each": {"a": hundred, "b": hundred}, "url": "http://h/{{a}}/{{b}}"}
    assert check(gatherd, {"{{a}}-{{b}}": definition}) == []
    definition["for_each"]["c"] = ["one", "two"]
    (line,) = check(gatherd, {"{{a}}-{{b}}-{{c}}": definition})
    assert line.endswith("for_each: more than 10000 combinations")


def test_lists_that_multiply_without_end_are_told_at_once(gatherd, slack):
    keys = {f"k{number}": list(range(1000)) for number in range(60)}
    name = "".join("{{%s}}" % key for key in keys)
    result = gatherd.run(
        "--check", config={"services": {name: {"for_each": keys, "url": "http://h/"}}}
    )
    assert result.status == 2 and "more than 10000 combinations" in result.stderr
    assert result.seconds < 5 * slack


def test_two_thousand_are_asked(gatherd, upstream):
    numbers = list(range(2000))
    services = {"s{{n}}": {"for_each": {"n": numbers}, "url": "/echo/{{n}}", "data": False}}
    result = gather(gatherd, upstream, services, max_per_host=16)
    assert result.status == 0 and result.document["counts"]["ok"] == 2000
    assert upstream.most <= 16
    assert set(upstream.paths()) == {f"/echo/{number}" for number in numbers}


# ---- faults ----

URL = {"url": "http://h/"}
FAULTS = {
    "name": ({"shop": {"for_each": {"r": ["eu"]}, **URL}}, "the name has to hold {{r}}"),
    "one of two": (
        {"{{r}}": {"for_each": {"r": ["eu"], "t": [1]}, **URL}},
        "the name has to hold {{t}}",
    ),
    "twice in one": (
        {"{{r}}": {"for_each": {"r": ["eu", "us", "eu"]}, **URL}},
        "for_each gives the name eu twice",
    ),
    "by another": (
        {"s-{{r}}": {"for_each": {"r": ["eu"]}, **URL}, "s-eu": URL},
        "s-eu is already the name of a service at",
    ),
    "of two of them": (
        {
            "s-{{r}}": {"for_each": {"r": ["eu"]}, **URL},
            "{{t}}-eu": {"for_each": {"t": ["s"]}, **URL},
        },
        "s-eu is already the name of a service at",
    ),
    "of one that is not enabled": (
        {"s-{{r}}": {"for_each": {"r": ["eu"]}, **URL}, "s-eu": {"enabled": False, **URL}},
        "s-eu is already the name of a service at",
    ),
    "an empty list": ({"{{r}}": {"for_each": {"r": []}, **URL}}, "a list of one or more values"),
    "no list": ({"{{r}}": {"for_each": {"r": "eu"}, **URL}}, "a list of one or more values"),
    "no names": ({"{{r}}": {"for_each": {}, **URL}}, "expected names, each with a list"),
    "a list in it": ({"{{r}}": {"for_each": {"r": [["eu"]]}, **URL}}, "a map, not a list"),
    "a map as name": (
        {"{{r}}": {"for_each": {"r": [{"a": 1}]}, **URL}},
        "neither text nor a number",
    ),
    "null": ({"{{r}}": {"for_each": {"r": [None]}, **URL}}, "r is null"),
    "a word that is taken": ({"{{now}}": {"for_each": {"now": [1]}, **URL}}, "for_each: now: "),
    "empty": ({"{{r}}": {"for_each": {"r": [""]}, **URL}}, "a service needs a name"),
    "too long": ({"{{r}}": {"for_each": {"r": ["x" * 129]}, **URL}}, "at most 128 bytes"),
    "a typo": ({"{{r}}": {"for_each": {"r": ["eu"]}, "url": "http://h/{{R}}"}}, "unknown name R"),
    "not its own": (
        {"{{r}}": {"for_each": {"r": ["eu"]}, **URL}, "b": {"url": "http://h/{{r}}"}},
        "unknown name r",
    ),
    "an unclosed name": ({"{{r": {"for_each": {"r": ["eu"]}, **URL}}, "services: {{r: "),
    "a state as name": (
        {"{{r}}{{status}}": {"for_each": {"r": ["eu"]}, **URL}},
        "unknown name status",
    ),
    "no default": ({"a": URL}, "defaults: each target has its own for_each"),
    "a circle": (
        {"{{r}}": {"for_each": {"r": ["a", "b"]}, "url": "http://h/", "needs": "b"}},
        "a circle of dependencies: b -> b",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_told_once(gatherd, fault):
    services, text = FAULTS[fault]
    top = {"defaults": {"for_each": {"r": [1]}}} if fault == "no default" else {}
    (line,) = check(gatherd, services, **top)
    assert re.match(r".*gatherd\.yaml:1:\d+: error: ", line) and text in line


def test_a_secret_is_no_part_of_a_name(gatherd):
    services = {"{{r}}": {"for_each": {"r": ["${REGION}"]}, "url": "http://h/"}}
    result = gatherd.run("--check", config={"services": services}, env={"REGION": "hidden"})
    assert result.status == 2
    assert "a name is no place for a secret" in result.stderr and "hidden" not in result.stderr
    services = {"{{r}}": {"for_each": {"r": ["${plain:REGION}"]}, "url": "http://h/"}}
    result = gatherd.run("--check", config={"services": services}, env={"REGION": "shown"})
    assert result.status == 0


def test_braces_without_for_each_are_a_name_as_it_stands(gatherd, upstream):
    services = {"{{region}}": "/ok"}
    (line,) = check(gatherd, {"{{region}}": "http://h/"})
    assert " warning: " in line
    assert list(gather(gatherd, upstream, services).document["services"]) == ["{{region}}"]


# ---- the printed config ----


def test_what_is_printed_is_the_same_config(gatherd, upstream):
    config = f"""
vars: {{shop: "{upstream.url}"}}
defaults: {{headers: {{X-At: "{{{{at.name}}}}{{{{n}}}}"}}}}
services:
  "{{{{at.name}}}}-{{{{n}}}}":
    for_each:
      at: [{{name: eu, big: 18446744073709551615}}, {{name: "0123", big: "x"}}]
      n: ["1", 1.0, true]
    url: "{{{{{{shop}}}}}}/echo/{{{{at.name}}}}/{{{{n}}}}"
    json: {{big: "{{{{{{at.big}}}}}}", n: "{{{{{{n}}}}}}"}}
    needs: first
    expect: {{json: {{/method: POST}}}}
  off-{{{{x}}}}:
    {{for_each: {{x: [1, 2]}}, enabled: false, url: "http://h/{{{{x}}}}", headers: {{X-At: a}}}}
  first: {{url: "{{{{{{shop}}}}}}/ok", headers: {{X-At: none}}}}
"""
    first = gatherd.once(config)
    assert first.status == 0, first.stderr
    asked = sorted((request.target, request.body) for request in upstream.requests)
    assert len(asked) == 7
    printed = gatherd.run("--print-config", config=config)
    assert printed.status == 0
    again = gatherd.run("--print-config", config=printed.stdout)
    assert again.stdout == printed.stdout
    upstream.requests.clear()
    second = gatherd.once(printed.stdout)
    assert list(second.document["services"]) == list(first.document["services"])
    assert sorted((request.target, request.body) for request in upstream.requests) == asked


# ---- reload ----


def regions(upstream, *names, **keys):
    definition = {"for_each": {"region": list(names)}, "url": "/held/{{region}}", **keys}
    return config_of(upstream, {"in {{region}}": definition, "other": "/ok"})


def test_a_region_more_is_the_only_one_that_is_asked(gatherd, held):
    held.let_go("/held/eu", "/held/ap")
    with Daemon(gatherd, regions(held, "eu", "us", "ap")) as daemon:
        held.wait_for(lambda held: len(held.requests) == 4)
        assert daemon.reload(regions(held, "eu", "sa", "us", "ap"))
        assert verdict(daemon) == [1, 0, 0, 4]
        held.wait_for(lambda held: "/held/sa" in held.asked)
        # The attempt that ran goes on.
        held.let_go("/held/us", "/held/sa")
        document = daemon.wait_document(
            lambda document: complete(document) and not document["in_flight"]
        )
        assert list(document["services"]) == ["in eu", "in sa", "in us", "in ap", "other"]
        assert not held.ended
        assert held.asked == {f"/held/{name}": 1 for name in ("eu", "us", "ap", "sa")} | {"/ok": 1}

        assert daemon.reload(regions(held, "us", "eu"))
        assert verdict(daemon) == [0, 2, 0, 3]
        document = daemon.wait_document(lambda new: len(new["services"]) == 3)
        assert list(document["services"]) == ["in us", "in eu", "other"]
        assert len(held.requests) == 5

        assert daemon.reload(regions(held, "us", "eu", timeout="50s"))
        assert verdict(daemon) == [0, 0, 2, 1]
        held.wait_for(lambda held: held.asked["/held/us"] == held.asked["/held/eu"] == 2)
        gather_now(daemon)
    assert held.asked["/ok"] == 2


def test_written_out_it_is_the_same(gatherd, upstream):
    services = {"in {{r}}": {"for_each": {"r": ["eu", "us"]}, "url": "/echo/{{r}}"}}
    with Daemon(gatherd, config_of(upstream, services)) as daemon:
        daemon.wait_document(complete)
        services = {"in eu": "/echo/eu", "in us": "/echo/us"}
        assert daemon.reload(config_of(upstream, services))
        assert sum(verdict(daemon)[:2]) == 0
        before = gather_now(daemon)
    assert statuses(before) == {"in eu": "ok", "in us": "ok"}


def test_a_map_that_changed_changes_its_own_services(gatherd, upstream):
    def of(**paths):
        values = [{"name": name, "path": path} for name, path in paths.items()]
        return config_of(
            upstream, {"{{at.name}}": {"for_each": {"at": values}, "url": "/echo/{{at.path}}"}}
        )

    with Daemon(gatherd, of(eu="one", us="two")) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(of(eu="one", us="three"))
        assert verdict(daemon) == [0, 0, 1, 1]
        upstream.wait_for(lambda upstream: "/echo/three" in upstream.asked)
    assert upstream.asked == {"/echo/one": 1, "/echo/two": 1, "/echo/three": 1}
