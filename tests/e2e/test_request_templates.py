"""Templates in all places of a request, over all that they can be over."""

import json
import urllib.parse

import pytest

from helpers_gatherd import as_yaml
from upstream import answer

# All that means something somewhere; and what looks like a template.
ODD = "a b/c?d&e=f#g%h+i\"j'k<l>m\\n\\u0041{{o}}${p}$$ü€\U0001f600:;@[]!*~-_.|^`"
# What only answers bring.
CONTROLS = "\x00\x01\t\r\nX-Injected: yes\r\n\r\n\x7f\u2028"
TREE = {
    "number": 18446744073709551615,
    "tiny": 0.10,
    "true": True,
    "null": None,
    "list": [1, "two", [], {}],
    "map": {"a": {"b": 'c"d'}, "": "ü"},
    "text": "12",
    "empty": "",
}
MEBIBYTE = 1 << 20

# Where a value comes from: the name that templates have for it.
SOURCES = {
    "vars": "odd",
    "nested vars": "nested.list.1.odd",
    "for_each": "each",
    "the values of a service": "services.source.values.odd",
    "the data of a service": "services.source.data.list.0.odd",
    "a service with dots in its name": "services.a.b.values.odd",
    "text of a service": "services.text.data",
}


@pytest.fixture
def config(upstream):
    """Has all of SOURCES; what asks for them is a test's to add."""
    upstream.answers["/source"] = answer(json.dumps({"odd": ODD, "list": [{"odd": ODD}]}))
    upstream.answers["/text"] = answer(ODD, content_type="text/plain; charset=utf-8")
    source = {"url": f"{upstream.url}/source", "extract": {"odd": "/odd"}}
    return {
        "vars": {"odd": literal(ODD), "nested": {"list": [1, {"odd": literal(ODD)}]}},
        "services": {
            "source": source,
            "a.b": source,
            "text": {"url": f"{upstream.url}/text", "format": "text"},
        },
    }


def literal(text):
    """As it stands in a config, where a dollar sign has to be doubled."""
    return text.replace("$", "$$")


def ask(gatherd, upstream, config, status=0, **keys):
    """Add a service with KEYS, gather, and return what it asked."""
    url = f"{upstream.url}/echo{keys.pop('target', '')}"
    name = "it {{each}}" if "for_each" in keys else "it"
    config["services"][name] = {"url": url, **keys}
    result = gatherd.once(as_yaml(config))
    assert result.status == status, result.stderr
    # All others of the round may come before it or after it.
    asked = [request for request in upstream.requests if request.path.startswith("/echo")]
    (request,) = asked or upstream.requests[-1:]
    return request


@pytest.fixture(params=SOURCES)
def source(request):
    """A name, and the keys that a service needs to have it."""
    name = SOURCES[request.param]
    return name, {"for_each": {"each": [literal(ODD)]}} if name == "each" else {}


def utf8(text):
    return text.encode("latin-1").decode()


def test_in_a_url(gatherd, upstream, config, source):
    name, keys = source
    target = "/{{%s}}/{{&%s}}x?a={{%s}}&{{%s}}=b" % (name, "short", name, name)
    config["vars"]["short"] = "raw/"
    request = ask(gatherd, upstream, config, target=target, **keys)
    quoted = urllib.parse.quote(ODD, safe="")
    assert request.target == f"/echo/{quoted}/raw/x?a={quoted}&{quoted}=b"


def test_in_a_header(gatherd, upstream, config, source):
    name, keys = source
    headers = {"X-A": f"<{{{{{name}}}}}>", "X-B": f"{{{{{{{name}}}}}}}"}
    request = ask(gatherd, upstream, config, headers=headers, **keys)
    assert utf8(request.header("X-A")) == f"<{ODD}>"
    assert utf8(request.header("X-B")) == ODD


def test_in_a_body(gatherd, upstream, config, source):
    name, keys = source
    request = ask(gatherd, upstream, config, body="<{{%s}}|{{{%s}}}>" % (name, name), **keys)
    assert request.body.decode() == f"<{ODD}|{ODD}>"


def test_in_json(gatherd, upstream, config, source):
    name, keys = source
    tree = {
        "alone": f"{{{{{name}}}}}",
        "typed": f"{{{{{{{name}}}}}}}",
        "within": [f"<{{{{{name}}}}}|{{{{{{{name}}}}}}}>"],
        "{{name}}": 1,
    }
    request = ask(gatherd, upstream, config, json=tree, **keys)
    assert request.json() == {
        "alone": ODD,
        "typed": ODD,
        "within": [f"<{ODD}|{ODD}>"],
        "{{name}}": 1,
    }


def test_in_a_form(gatherd, upstream, config, source):
    name, keys = source
    form = {"a": f"<{{{{{name}}}}}", "b": f"{{{{{{{name}}}}}}}", "{{c}}": "1"}
    request = ask(gatherd, upstream, config, form=form, **keys)
    fields = urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True)
    assert fields == [("a", f"<{ODD}"), ("b", ODD), ("{{c}}", "1")]


def test_in_auth(gatherd, upstream, config, source):
    name, keys = source
    request = ask(gatherd, upstream, config, auth={"bearer": f"{{{{{name}}}}}"}, **keys)
    assert utf8(request.header("Authorization")) == f"Bearer {ODD}"


@pytest.mark.parametrize("origin", ["vars", "data", "values"])
def test_json_takes_values_with_their_types(gatherd, upstream, origin):
    text = json.dumps(TREE).replace("0.1,", "0.10,")
    upstream.answers["/source"] = answer(text)
    source = {
        "url": f"{upstream.url}/source",
        "extract": {name: f"/{name}" for name in TREE if name not in ("list", "map")},
    }
    config = {"services": {"source": source}}
    prefix = {"vars": "", "data": "services.source.data.", "values": "services.source.values."}
    names = [name for name in TREE if origin != "values" or name in source["extract"]]
    # What is null is missing.
    names.remove("null")
    typed = {name: f"{{{{{{{prefix[origin]}{name}}}}}}}" for name in names}
    config["services"]["it"] = {"url": f"{upstream.url}/echo", "json": typed}
    gatherd_config = json.dumps(config)[:-1] + f', "vars": {text}}}'
    result = gatherd.once(gatherd_config)
    assert result.status == 0, result.stderr
    (request,) = upstream.asked_for("/echo")
    assert request.json() == {name: TREE[name] for name in names}
    assert b'"number":18446744073709551615,"tiny":0.10' in request.body


def test_json_makes_text_of_what_is_not_alone(gatherd, upstream):
    config = {"vars": TREE, "services": {}}
    tree = {
        "two braces": "{{number}}",
        "not alone": "{{{number}}} ",
        "two": "{{{tiny}}}{{{true}}}",
        "list": "{{{list}}};",
        "nothing": "{{{empty}}}",
    }
    request = ask(gatherd, upstream, config, json=tree)
    assert request.json() == {
        "two braces": "18446744073709551615",
        "not alone": "18446744073709551615 ",
        "two": "0.1true",
        "list": '[1,"two",[],{}];',
        "nothing": "",
    }


def test_a_body_takes_lists_and_maps_as_json(gatherd, upstream):
    config = {"vars": TREE, "services": {}}
    request = ask(gatherd, upstream, config, body="{{list}} {{{map}}}")
    first, second = request.body.decode().split(" ")
    assert (json.loads(first), json.loads(second)) == (TREE["list"], TREE["map"])


def test_sections_make_a_body(gatherd, upstream):
    config = {"vars": {"items": [{"n": 1}, {"n": 2}], "none": []}, "services": {}}
    body = "{{#items}}<{{n}}>{{/items}}{{^none}}end{{/none}}{{! nothing }}"
    assert ask(gatherd, upstream, config, body=body).body == b"<1><2>end"


# ---- what answers bring ----


@pytest.fixture
def hostile(upstream):
    """A config with a service whose `values.text` is what no text should be."""
    upstream.answers["/hostile"] = answer(json.dumps({"text": CONTROLS}))
    source = {"url": f"{upstream.url}/hostile", "extract": {"text": "/text"}}
    return {"services": {"hostile": source}}


TEXT = "services.hostile.values.text"


def test_no_answer_ends_a_header(gatherd, upstream, hostile):
    headers = {"X-A": f"<{{{{{TEXT}}}}}>", "X-B": f"<{{{{{{{TEXT}}}}}}}>"}
    request = ask(gatherd, upstream, hostile, headers=headers, auth={"bearer": f"{{{{{TEXT}}}}}"})
    flat = CONTROLS.translate({0: None, 10: None, 13: None})
    assert utf8(request.header("X-A")) == utf8(request.header("X-B")) == f"<{flat}>"
    assert utf8(request.header("Authorization")) == f"Bearer {flat}"
    assert request.header("X-Injected") is None


def test_an_answer_arrives_whole_in_bodies_and_urls(gatherd, upstream, hostile):
    for number, keys in enumerate(
        [
            {"body": f"<{{{{{TEXT}}}}}>"},
            {"json": f"<{{{{{TEXT}}}}}>"},
            {"json": f"{{{{{{{TEXT}}}}}}}"},
            {"form": {"a": f"{{{{{TEXT}}}}}"}},
            {"url": f"{upstream.url}/echo/4?{{{{{TEXT}}}}}"},
        ]
    ):
        hostile["services"][str(number)] = {"url": f"{upstream.url}/echo/{number}", **keys}
    result = gatherd.once(hostile)
    assert result.status == 0, result.stderr
    sent = {request.path[-1]: request for request in upstream.requests}
    quoted = urllib.parse.quote(CONTROLS, safe="")
    assert sent["0"].body.decode() == f"<{CONTROLS}>"
    assert sent["1"].json() == f"<{CONTROLS}>"
    assert sent["2"].json() == CONTROLS
    assert sent["3"].body.decode() == "a=" + urllib.parse.quote_plus(CONTROLS, safe="")
    assert sent["4"].target == f"/echo/4?{quoted}"


@pytest.mark.parametrize("text", [CONTROLS, "a b", "a\x7f"])
def test_an_answer_put_into_a_url_as_it_is_must_belong_there(gatherd, upstream, hostile, text):
    upstream.answers["/hostile"] = answer(json.dumps({"text": text}))
    url = f"{upstream.url}/echo/{{{{{{{TEXT}}}}}}}"
    hostile["services"]["it"] = url
    result = gatherd.once(hostile)
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("error", "template")
    assert upstream.paths() == ["/hostile"]


def text_places(upstream, name):
    """Services with NAME where only text can stand."""
    text, url = f"{{{{{name}}}}}", f"{upstream.url}/echo"
    return {
        "url": f"{url}/{text}",
        "header": {"url": url, "headers": {"X-A": text}},
        "bearer": {"url": url, "auth": {"bearer": text}},
        "password": {"url": url, "auth": {"basic": {"user": "me", "password": text}}},
    }


def test_a_list_is_no_text(gatherd, upstream):
    """In an answer it is found when it is put in; in `vars` when the config is read."""
    upstream.answers["/source"] = answer('{"list": [1]}')
    name = "services.source.data.list"
    services = {"source": f"{upstream.url}/source", **text_places(upstream, name)}
    document = gatherd.once({"services": services}).document
    assert document["failed"] == list(services)[1:]
    for failed in document["failed"]:
        entry = document["services"][failed]
        assert (entry["status"], entry["error"]["kind"]) == ("error", "template")
        assert entry["error"]["message"].endswith(f"{name} is neither text nor a number")

    services = text_places(upstream, "list")
    result = gatherd.once({"vars": {"list": [1]}, "services": services})
    assert result.status == 2
    assert result.stderr.count("list is a list: expected text or a number") == len(services)
    assert upstream.paths() == ["/source"]


@pytest.mark.parametrize(
    "keys",
    [
        {"body": "{{services.source.values.x}}"},
        {"json": {"a": ["{{{services.source.values.x.y}}}"]}},
        {"json": {"a": "{{services.source.data.x}}"}},
        {"form": {"a": "{{services.source.values.x}}"}},
        {"headers": {"X-A": "{{services.source.data.x.y}}"}},
        {"auth": {"basic": {"user": "me", "password": "{{services.source.values.x}}"}}},
        {"auth": {"digest": {"user": "{{services.source.values.x}}"}}},
    ],
)
@pytest.mark.parametrize("reply", ["nothing", "null", "a failure"])
def test_who_lacks_a_value_is_skipped(gatherd, upstream, keys, reply):
    upstream.answers["/source"] = {
        "nothing": answer("{}"),
        "null": answer('{"x": null}'),
        "a failure": answer('{"x": "one"}', 500),
    }[reply]
    config = {
        "services": {
            "source": {"url": f"{upstream.url}/source", "extract": {"x": "/x"}},
            "it": {"url": f"{upstream.url}/echo", **keys},
        }
    }
    entry = gatherd.once(config).document["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("skipped", "dependency")
    assert "services.source." in entry["error"]["message"]
    assert upstream.paths() == ["/source"]


# ---- too much of it ----

TOO_LARGE = {
    "body": {"body": "{{half}}{{half}}"},
    "json": {"json": ["{{half}}", "{{{half}}}"]},
    "form": {"form": {"a": "{{half}}", "b": "{{half}}"}},
    "header X-A": {"headers": {"X-A": "{{half}}{{half}}"}},
    "url": {"url": "URL?{{half}}{{half}}"},
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_mebibyte_is_the_most_that_a_template_makes(gatherd, upstream, what):
    half = "x" * (MEBIBYTE // 2 + 1)
    service = {"url": f"{upstream.url}/echo", **TOO_LARGE[what]}
    service["url"] = service["url"].replace("URL", f"{upstream.url}/echo")
    result = gatherd.once({"vars": {"half": half}, "services": {"it": service}})
    assert result.status == 2
    assert f"error: {what}: too large" in result.stderr
    assert len(result.stderr) < 1000

    upstream.answers["/half"] = answer(half, content_type="text/plain")
    source = {"url": f"{upstream.url}/half", "format": "text"}
    service = json.loads(json.dumps(service).replace("half", "services.source.data"))
    services = {"source": source, "it": service}
    result = gatherd.once({"services": services})
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("error", "template")
    assert entry["error"]["message"] == f"{what}: too large"
    assert upstream.paths() == ["/half"]


def test_a_body_of_a_mebibyte_is_sent(gatherd, upstream):
    config = {"vars": {"half": "x" * (MEBIBYTE // 2)}, "services": {}}
    config["services"]["it"] = {"url": f"{upstream.url}/ok", "body": "{{half}}{{half}}"}
    assert gatherd.once(config).status == 0
    (request,) = upstream.requests
    assert len(request.body) == MEBIBYTE
    assert request.header("Expect") is None


# ---- answers without a body ----


@pytest.mark.parametrize("status", [200, 204, 205, 404])
@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
def test_an_answer_without_a_body_holds_no_data(gatherd, upstream, method, status):
    length = "" if status == 204 else "Content-Length: 0\r\n"
    if method == "HEAD" and status != 204:  # what GET would bring
        length = "Content-Length: 9000000\r\nContent-Type: application/json\r\n"
    text = f"HTTP/1.1 {status} Whatever\r\n{length}X-Left: 12\r\n\r\n"
    upstream.answers["/bare"] = text.encode()
    service = {
        "url": f"{upstream.url}/bare",
        "method": method,
        "format": "text",
        "expect": {"status": status, "header": {"X-Left": 12}},
        "extract": {"left": {"header": "X-Left"}},
    }
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": {"it": service}})
    assert result.status == 0, result.stderr
    for document in result.documents:
        entry = document["services"]["it"]
        assert (entry["status"], entry["http_status"]) == ("ok", status)
        empty = method != "HEAD" and status in (200, 404)
        assert entry["data"] == ("" if empty else None)
        assert entry["values"]["left"] in (12, "12")
        assert entry["bytes"] == 0
    assert upstream.connections == 1  # which is as good as before
