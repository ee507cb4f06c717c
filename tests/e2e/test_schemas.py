"""--print-schema: both are schemas, and documents of all kinds are what theirs says.

Every document that another test reads is held against it, too: see helpers_document.
"""

import copy

import pytest

from helpers_daemon import Daemon, held  # noqa: F401
from helpers_document import faults, parse_document, print_schema
from helpers_gatherd import services
from helpers_prompts import ask, config, models  # noqa: F401
from models import refuses
from upstream import moves, raw, sends

# What stands in an entry only where the config wants it.
OPTIONAL = {"last_response", "last_data", "group", "labels", "description"}


@pytest.fixture(scope="module")
def schema():
    return print_schema("status")


def objects(schema):
    """All the objects that SCHEMA describes by their properties, from the outermost on."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


# ---- the schemas ----


@pytest.mark.parametrize("name", ["config", "status"])
def test_the_schemas_are_schemas_of_2020_12(gatherd, name):
    schema = print_schema(name)  # held against the meta-schema there
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"].startswith("gatherd ")
    result = gatherd.run("--print-schema", name)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith('{\n  "$schema": ') and result.stdout.endswith("\n}\n")


def test_the_schema_allows_nothing_else_and_misses_nothing(schema):
    found = list(objects(schema))
    # The document, its round, its counts; a service, its phases, its error; a prompt, these
    # and its usage, estimate and budget; a provider, its budget.
    assert len(found) == 3 + 3 + 6 + 2
    for each in found:
        assert each["additionalProperties"] is False
        names = [name for name in each["properties"] if name not in OPTIONAL]
        assert each["required"] == names
    assert OPTIONAL - {"last_response"} < set(schema["$defs"]["service"]["properties"])
    assert OPTIONAL < set(schema["$defs"]["prompt"]["properties"])


def test_every_key_is_described(schema):
    for each in objects(schema):
        for name, its in each["properties"].items():
            assert its.get("description") or each is schema["properties"]["counts"], name


def test_keys_stand_in_the_order_of_the_document(gatherd, upstream, schema):
    config = {
        "services": {
            "a": {
                "url": upstream.url + "/status/503",
                "keep_last": True,
                "group": "shop",
                "labels": {"team": "web"},
                "description": "the first",
            }
        }
    }
    document = gatherd.once(config).document
    entry = document["services"]["a"]
    service = schema["$defs"]["service"]["properties"]
    for value, properties in (
        (document, schema["properties"]),
        (document["round"], schema["properties"]["round"]["properties"]),
        (document["counts"], schema["properties"]["counts"]["properties"]),
        (entry, service),
        (entry["timing_ms"], service["timing_ms"]["properties"]),
        (entry["error"], service["error"]["properties"]),
    ):
        assert list(value) == list(properties)


def test_keys_of_prompts_and_providers_stand_in_their_order_too(gatherd, models, schema):
    document = document_of_prompts(gatherd, models)
    prompt = schema["$defs"]["prompt"]["properties"]
    provider = schema["$defs"]["provider"]["properties"]
    for entry in document["prompts"].values():
        assert [name for name in prompt if name in entry] == list(entry)
        assert set(prompt) - set(entry) <= OPTIONAL
        assert list(entry["usage"]) == list(prompt["usage"]["properties"])
        assert list(entry["budget"]) == list(prompt["budget"]["properties"])
        assert list(entry["timing_ms"]) == list(prompt["timing_ms"]["properties"])
    assert list(document["prompts"]["a"]) == list(prompt)
    assert list(document["prompts"]["b"]["error"]) == list(prompt["error"]["properties"])
    for entry in document["providers"].values():
        assert list(entry) == list(provider)
        assert list(entry["budget"]) == list(provider["budget"]["properties"])


# ---- what is no document ----


def at(document, path):
    for name in path[:-1]:
        document = document[name]
    return document


@pytest.mark.parametrize(
    "path, value",
    [
        (["version"], 2),
        (["generation"], -1),
        (["generation"], "1"),
        (["generated_at"], "2026-11-21 03:40:00"),
        (["generated_at"], "2026-11-21T03:40:00Z"),
        (["generated_at"], "2026-13-21T03:40:00.123Z"),
        (["stale_after"], None),
        (["status"], "up"),
        (["outcome"], "settled"),
        (["mode"], None),
        (["round", "number"], 1.5),
        (["round", "more"], 1),
        (["in_flight"], [1]),
        (["failed"], ["a", "a"]),
        (["counts", "ok"], None),
        (["counts", "well"], 0),
        (["prompts"], {"a": {}}),
        (["prompts"], []),
        (["more"], None),
        (["services", "a"], None),
        (["services", "a", "status"], "up"),
        (["services", "a", "since"], "yesterday"),
        (["services", "a", "since"], 0),
        (["services", "a", "failures"], None),
        (["services", "a", "duration_ms"], "1.5"),
        (["services", "a", "timing_ms"], None),
        (["services", "a", "timing_ms", "total"], -1),
        (["services", "a", "timing_ms", "more"], 1),
        (["services", "a", "error"], {}),
        (["services", "a", "error", "kind"], ""),
        (["services", "a", "error", "kind"], "other"),
        (["services", "a", "error", "phase"], "lookup"),
        (["services", "a", "error", "message"], 7),
        (["services", "a", "warnings"], None),
        (["services", "a", "values"], None),
        (["services", "a", "labels"], {"team": 7}),
        (["services", "a", "group"], None),
        (["services", "a", "more"], None),
    ],
)
def test_what_a_document_cannot_say_is_refused(gatherd, upstream, path, value):
    document = copy.deepcopy(failed_document(gatherd, upstream))
    at(document, path)[path[-1]] = value
    found = faults(document)
    assert found and all(fault.startswith("/" + "/".join(path[:-1])) for fault in found)


@pytest.mark.parametrize(
    "path, value",
    [
        (["providers"], None),
        (["providers", "p"], None),
        (["providers", "p", "api"], "bard"),
        (["providers", "p", "limit"], -1),
        (["providers", "p", "in_flight"], -1),
        (["providers", "p", "paused_until"], "soon"),
        (["providers", "p", "budget"], {}),
        (["providers", "p", "budget", "unit"], "euro"),
        (["providers", "p", "key"], "***"),
        (["prompts", "b"], None),
        (["prompts", "b", "status"], "blocked"),
        (["prompts", "b", "success"], None),
        (["prompts", "b", "url"], "http://x/"),
        (["prompts", "b", "response"], {}),
        (["prompts", "b", "usage"], {}),
        (["prompts", "b", "usage", "input_tokens"], -1),
        (["prompts", "b", "usage", "total_tokens"], 1.5),
        (["prompts", "b", "usage_unknown_attempts"], None),
        (["prompts", "b", "cost"], "free"),
        (["prompts", "b", "budget", "spent"], None),
        (["prompts", "b", "reused"], None),
        (["prompts", "b", "input_hash"], 7),
        (["prompts", "b", "error", "kind"], "refused"),
        (["prompts", "a", "last_response"], 7),
        (["prompts", "a", "labels"], []),
    ],
)
def test_what_a_document_cannot_say_of_prompts_is_refused(gatherd, models, path, value):
    document = document_of_prompts(gatherd, models)
    at(document, path)[path[-1]] = value
    found = faults(document)
    assert found and all(fault.startswith("/" + "/".join(path[:-1])) for fault in found)


@pytest.mark.parametrize("path", [["prompts", "a"], ["prompts", "b"], ["providers", "p"]])
def test_no_key_of_prompts_may_be_missing(gatherd, models, path):
    document = document_of_prompts(gatherd, models)
    for name in set(at(document, [*path, None])) - OPTIONAL:
        less = copy.deepcopy(document)
        del at(less, [*path, None])[name]
        assert faults(less) != [], name


def document_of_prompts(gatherd, models):
    """An answer with everything that may be in an entry, and a refusal."""
    models.plan["no"] = lambda api, *_: refuses(api)
    keys = {"budget": {"tokens": 1000, "per": "1d"}}
    more = {"keep_last": True, "group": "g", "labels": {"a": "b"}, "description": "d"}
    prompts = {"a": {"prompt": "yes", **keys, **more}, "b": {"prompt": "no", **keys}}
    price = {"price": {"input": 1, "output": 2}, "budget": {"cost": 3, "per": "1d"}}
    result = ask(gatherd, config(models, prompts, keys=price))
    assert result.document["failed"] == ["b"]
    return result.document


@pytest.mark.parametrize("path", [[], ["round"], ["counts"], ["services", "a"]])
def test_no_key_may_be_missing(gatherd, upstream, path):
    document = failed_document(gatherd, upstream)
    whole = at(document, [*path, None])
    for name in set(whole) - OPTIONAL:
        less = copy.deepcopy(document)
        del at(less, [*path, None])[name]
        assert faults(less) != [], name


def failed_document(gatherd, upstream):
    return gatherd.once(services(upstream, a="/status/503")).document


# ---- documents of all kinds, held against the schema as they are read ----


def test_nothing_at_all(gatherd):
    document = gatherd.once("services: {}").document
    assert document["services"] == {} and document["status"] == "ok"


def test_answers_of_all_types(gatherd, upstream):
    bodies = ["{}", "[1, [2, {}]]", '"text"', "1e300", "true", "null", '{"": {"": null}}']
    paths = {f"body {i}": sends(body) for i, body in enumerate(bodies)}
    document = gatherd.once(services(upstream, **paths)).document
    assert document["counts"]["ok"] == len(bodies)


def test_names_that_need_escapes(gatherd, upstream):
    names = ['"', "\\", "/", "é", "\U0001f600", " ", "~0", "x" * 128]
    document = gatherd.once(services(upstream, **dict.fromkeys(names, "/ok"))).document
    assert list(document["services"]) == names


def test_failures_of_every_kind(gatherd, upstream, bad_ports):
    paths = {
        "http": "/status/500",
        "rate_limited": "/status/429?retry_after=60",
        "protocol": "/half",
        "redirect": "/loop",
        "invalid_body": sends("{"),
        "too_large": "/size/2000000",
        "timeout": "/hang",
    }
    config = services(upstream, **paths)
    config["timeout"] = "500ms"
    more = config["services"]
    more["dns"] = "http://nothing.invalid/"
    more["connect"] = f"http://127.0.0.1:{bad_ports.refused()}/"
    more["tls"] = upstream.url.replace("http:", "https:") + "/"
    more["expectation"] = {"url": upstream.url + "/ok", "expect": {"json": {"/ok": False}}}
    more["dependency"] = {"url": upstream.url + "/ok", "needs": ["http"]}
    more["auth"] = {
        "url": upstream.url + "/ok",
        "auth": {
            "oauth2": {
                "token_url": upstream.url + "/status/401",
                "client_id": "nobody",
                "client_secret": "nothing",
            }
        },
    }
    document = gatherd.once(config).document
    for name, entry in document["services"].items():
        assert entry["error"]["kind"] == name
    assert document["failed"] == list(document["services"])


def test_what_rules_and_extracts_leave_behind(gatherd, upstream):
    body = '{"queue": {"depth": 250}, "state": "up", "deep": [1, {"x": null}]}'
    config = {
        "services": {
            "a": {
                "url": upstream.url + sends(body),
                "expect": {"json": {"/state": "up"}},
                "warn": {"json": {"/queue/depth": {"maximum": 100}}},
                "extract": {"depth": "/queue/depth", "deep": "/deep", "none": "/a/b"},
                "keep_last": True,
                "group": "shop",
                "labels": {"team": "web", "tier": "1"},
                "description": "rules",
            }
        }
    }
    entry = gatherd.once(config).document["services"]["a"]
    assert entry["status"] == "degraded" and len(entry["warnings"]) == 2
    assert entry["values"] == {"depth": 250, "deep": [1, {"x": None}], "none": None}
    assert entry["last_data"] == entry["data"]


def test_redirects_and_certificates(gatherd, trusted, authority):
    config = {
        "services": {
            "a": {
                "url": trusted.url + moves("/ok"),
                "tls": {"ca": str(authority.certificate)},
            }
        }
    }
    entry = gatherd.once(config).document["services"]["a"]
    assert entry["status"] == "ok" and entry["final_url"] == trusted.url + "/ok"
    assert entry["certificate_expires_at"] == "2099-12-31T23:59:59.000Z"


@pytest.mark.parametrize("mode", ["fail_fast", "all_or_nothing"])
def test_rounds_of_other_modes(gatherd, upstream, mode):
    paths = {"good": "/ok", "slow": "/delay/1", "bad": "/status/500"}
    config = {**services(upstream, **paths), "mode": mode}
    document = gatherd.once(config).document
    assert document["mode"] == mode and document["outcome"] in ("failed", "cancelled")
    assert "bad" in document["failed"]


def test_data_that_did_not_fit(gatherd, upstream):
    text = "x" * 20_000
    config = services(upstream, a=sends(f'"{text}"'), b="/ok")
    config["output"] = {"max_size": "4KiB"}
    entry = gatherd.once(config).document["services"]["a"]
    assert entry["data"] is None and "left out" in entry["warnings"][0]


def test_documents_of_a_daemon(gatherd, held):  # noqa: F811
    """Before the first outcome, while a round runs, after it, and after a restart."""
    config = services(held, a="/ok", b="/held/b")
    config |= {"interval": "1h", "publish_after": 0}
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(lambda new: new["counts"]["ok"] == 1)
        assert document["outcome"] == "gathering" and document["in_flight"] == ["b"]
        assert document["services"]["b"]["status"] == "pending"
        held.let_go("/held/b")
        daemon.wait_document(lambda new: new["outcome"] == "complete")
    held.hold("/held/b")
    with Daemon(gatherd, config) as daemon:
        document = daemon.first_document()
        assert document["services"]["b"]["status"] == "ok"  # as the former run left it
        held.let_go("/held/b")


def test_every_round_of_many(gatherd, upstream):
    result = gatherd.run(
        "--rounds", "3", "-o", "-", config=services(upstream, a="/ok", b=raw(b"rubbish"))
    )
    assert [document["generation"] for document in result.documents] == [1, 2, 3]
    assert parse_document(result.stdout[: result.stdout.index("\n}\n") + 3])
