"""Configs with providers and prompts: what is wrong is told at its place with nobody asked, what
is odd is warned of, and what is printed comes to the same."""

import re

import jsonschema
import pytest
import yaml

from helpers_document import print_schema
from helpers_gatherd import names_in
from helpers_prompt_config import (
    BAD,
    CONFIG_FAULTS,
    GOOD,
    PROMPT_FAULTS,
    PROVIDER,
    PROVIDER_FAULTS,
    WARNINGS,
    WHOLE_PROVIDER_FAULTS,
    P,
    prompt,
)
from helpers_prompts import KEY, ask, config, models, provider  # noqa: F401

FILES = {
    "latin.txt": "café".encode("latin-1"),
    "nul.txt": b"a\0b",
    "empty.txt": b"\n",
    "big.txt": b"x" * ((1 << 20) + 1),
    "name.txt": b"A line,\nand {{nope}}.\n",
    "hi.txt": b"Say hi.\n",
}


@pytest.fixture
def folder(gatherd):
    """gatherd in a folder with files for prompts, and with a key in the environment."""
    for name, content in FILES.items():
        (gatherd.folder / name).write_bytes(content)
    gatherd.environment |= {"MODEL_KEY": KEY, "NUMBER": "0.25"}
    for name in ("NOT_SET", "WHEN", "CREDENTIALS_DIRECTORY"):
        gatherd.environment.pop(name, None)
    return gatherd


@pytest.fixture
def broken(folder, models):
    """A function that runs a config that has faults and returns them, a line each."""

    def run(text, **files):
        for name, content in {"gatherd": text, **files}.items():
            folder.config(content.replace("URL", models.url), f"{name}.yaml")
        before = names_in(folder.folder)
        result = folder.run("--once", "-c", "gatherd.yaml", "-o", "out.json")
        assert result.status == 2 and result.stdout == ""
        assert models.connections == 0 and names_in(folder.folder) == before
        assert KEY not in result.stderr
        check = folder.run("--check", "-c", "gatherd.yaml")
        assert (check.status, check.stdout, check.stderr) == (2, "", result.stderr)
        return result.stderr.splitlines()

    return run


def assert_told(lines, wanted, level="error"):
    """LINES are those that WANTED lists: (place, words...); "1:" is any column of line 1."""
    assert len(lines) == len(wanted), lines
    for line, (place, *words) in zip(lines, wanted):
        match = re.fullmatch(rf"gatherd\.yaml:(\d+:\d+): {level}: (.+)", line)
        assert match, line
        assert match[1].startswith(place) if place.endswith(":") else match[1] == place, line
        for word in words:
            assert word in match[2], line


def rows(table):
    return [pytest.param(*row[1:3], row[3:], id=row[0]) for row in table]


# ---- faults ----


@pytest.mark.parametrize("keys, place, words", rows(PROMPT_FAULTS))
def test_a_fault_of_a_prompt_is_told_at_its_place(broken, keys, place, words):
    assert_told(broken(prompt(keys)), [(place, *words)])


@pytest.mark.parametrize("keys, words", [pytest.param(*r[1:], id=r[0]) for r in PROVIDER_FAULTS])
def test_a_fault_of_a_provider_is_told_at_its_place(broken, keys, words):
    text = f"providers:\n  p: {P},\n    {keys}}}\n"
    [line] = broken(text)
    # At the key or its value, but for what is missing, or is about the whole of it.
    place, _, message = line.removeprefix("gatherd.yaml:").partition(": error: ")
    assert words in message
    about_all = message.startswith("p: ") or message.startswith("key beside")
    assert place.startswith("2:" if about_all else "3:"), line


@pytest.mark.parametrize(
    "keys, words", [pytest.param(*r[1:], id=r[0]) for r in WHOLE_PROVIDER_FAULTS]
)
def test_a_provider_that_cannot_be_asked_is_a_fault(broken, keys, words):
    text = f"providers:\n  p: {{{keys}}}\n"
    [line] = broken(text)
    match = re.fullmatch(r"gatherd\.yaml:2:(\d+): error: (.*)", line)
    assert match and words in match[2]
    assert (match[1] == "3") is match[2].startswith("p: "), "at the name where a key is missing"
    # Also where a prompt would ask it, which has no fault of its own.
    assert broken(text + "prompts: {a: {prompt: x, model: m}}\n") == [line]


@pytest.mark.parametrize("text, told", [pytest.param(*r[1:], id=r[0]) for r in CONFIG_FAULTS])
def test_faults_are_told_in_the_order_of_the_file(broken, text, told):
    assert_told(broken(text), told)


def test_faults_of_included_files_have_their_names(broken):
    lines = broken(
        f"include: [conf.d/*.yaml]\nproviders: {{p: {P}}}}}\nprompts: {{a: {{prompt: x}}}}\n",
        **{
            "conf.d/10": f"providers: {{q: {P}, rat: 1/s}}}}\nprompts: {{a: {{prompt: x}}}}\n",
            "conf.d/20": "providers: {p: {api: ollama}}\nservices: {a: URL}\n",
            "conf.d/30": "prompts: {b: {provider: q, prompt: {file: no.txt}}, c: {prompt: x}}\n",
        },
    )
    places = [line.partition(": ")[0].rpartition(":")[0] for line in lines]
    assert places == ["gatherd.yaml:3"] * 2 + ["conf.d/10.yaml:1"] + ["conf.d/10.yaml:2"] * 2 + [
        "conf.d/20.yaml:1",
        "conf.d/30.yaml:1",
        "conf.d/30.yaml:1",
    ]
    missing = "provider is missing: expected one of p, q"
    told = [
        f"a: {missing}",
        "prompts: a is already the name of a service at conf.d/20.yaml:2:12",
        "unknown key rat (did you mean rate?)",
        "prompts: a is already set at gatherd.yaml:3:11",
        f"a: {missing}",
        "providers: p is already set at gatherd.yaml:2:13",
        # A prompt's file stands beside the file that names it.
        "file conf.d/no.txt cannot be read: No such file or directory",
        f"c: {missing}",
    ]
    assert [line.partition(": error: ")[2] for line in lines] == told


def test_a_key_that_is_not_set_is_told_by_all_who_lack_one(broken):
    keys = {"a": "gemini", "b": "openai", "c": "anthropic", "d": "openai-responses"}
    text = "providers:\n" + "".join(
        f"  {name}: {{api: {api}, model: m, key: '${{NOT_SET}}'}}\n" for name, api in keys.items()
    )
    lines = broken(text)
    assert [line.partition(": error: ")[2] for line in lines] == ["NOT_SET is not set"] * 4
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4", "5"]


# ---- warnings ----


@pytest.mark.parametrize("text, told", [pytest.param(*r[1:], id=r[0]) for r in WARNINGS])
def test_what_is_odd_is_warned_of(folder, models, text, told):
    path = folder.config(text.replace("URL", models.url))
    path.chmod(0o644)
    result = folder.run("--check", "-c", path.name)
    assert result.status == 0
    assert_told(result.stderr.splitlines(), told, "warning")
    count = f"{len(told)} warning{'' if len(told) == 1 else 's'}"
    assert re.fullmatch(rf"gatherd\.yaml: ok \(.+, {count}\)\n", result.stdout)
    assert models.connections == 0 and KEY not in result.stderr


def test_what_is_as_it_should_be_is_passed_in_silence(folder, models):
    made = config(
        models,
        {
            "a": {"prompt": "{{services.s.data}}", "when": "changed", "keep_last": True},
            "b": {"prompt": {"file": "hi.txt"}, "schema": {"type": "object"}, "fence": True},
            "c-{{n}}": {"prompt": "{{n}}", "for_each": {"n": [1, 2]}, "when": "failing"},
        },
        {"s": f"{models.url}/ok"},
        interval="5m",
    )
    result = folder.run("--check", config=made)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.endswith("gatherd.yaml: ok (1 service, 4 prompts)\n")


# ---- for_each, defaults, include ----


def test_for_each_goes_over_models_providers_and_texts(gatherd, models):
    made = config(models, {}, vars={"family": "llama"})
    made["providers"] = {
        "near": provider("ollama", models),
        "far": provider("anthropic", models),
    }
    made["prompts"] = {
        "{{who}}-{{size}}-{{topic}}": {
            "for_each": {
                "who": ["near", "far"],
                "size": ["small", 70],
                "topic": ["the sea", "a: \"quoted\", {{family}} {odd} ö"],
            },
            "provider": "{{who}}",
            "model": "{{family}}-{{size}}",
            "prompt": "Write about {{topic}}.",
        }
    }
    document = ask(gatherd, made).document
    entries = document["prompts"]
    odd = 'a: "quoted", {{family}} {odd} ö'
    names = [
        f"{who}-{size}-{topic}"
        for who in ("near", "far")
        for size in ("small", "70")
        for topic in ("the sea", odd)
    ]
    assert list(entries) == names, "the first key varies slowest"
    entry = entries[f"far-70-{odd}"]
    assert entry["provider"] == "far" and entry["prompt"] == f"Write about {odd}."
    asked = {(r.json()["model"], r.path) for r in models.requests}
    assert asked == {
        (f"llama-{size}", path)
        for size in ("small", "70")
        for path in ("/api/chat", "/v1/messages")
    }


def test_defaults_go_to_the_kind_that_has_such_a_key(gatherd, models):
    made = config(
        models,
        {"a": "one", "b": {"prompt": "two", "temperature": 1, "labels": {"b": "own"}}},
        {"s": f"{models.url}/ok"},
        defaults={
            "temperature": 0.25,
            "system": "Be short.",
            "provider": "p",
            "headers": {"X-Team": "web"},
            "labels": {"a": "both", "b": "theirs"},
            "redirects": 0,
            "format": "none",
        },
    )
    made["providers"]["q"] = provider("ollama", models)
    document = ask(gatherd, made).document
    asked = {}
    for request in models.requests:
        body = request.json() if request.method == "POST" else None
        asked[body["messages"][-1]["content"] if body else request.path] = (request, body)
    request, _ = asked["/ok"]
    assert request.header("X-Team") == "web"
    request, body = asked["one"]
    assert request.header("X-Team") is None, "those of a prompt are its provider's"
    assert body["temperature"] == 0.25 and asked["two"][1]["temperature"] == 1
    assert body["messages"][0] == {"role": "system", "content": "Be short."}
    assert document["prompts"]["b"]["labels"] == {"a": "both", "b": "own"}
    assert document["services"]["s"]["labels"] == {"a": "both", "b": "theirs"}
    assert document["prompts"]["a"]["response"] == "answer to one"
    assert document["services"]["s"]["data"] is None


def test_providers_and_prompts_may_stand_in_files_of_their_own(gatherd, models):
    conf = {
        "20-prompts": {"prompts": {"b": {"prompt": "{{v}} {{prompts.a.response}}"}}},
        "10-providers": {"providers": {"p": provider("gemini", models)}, "vars": {"v": "hi"}},
        "30-defaults": {"defaults": {"max_tokens": 7}},
    }
    for name, part in conf.items():
        gatherd.config(part, f"conf.d/{name}.yaml")
    made = {"include": "conf.d/*.yaml", "prompts": {"a": {"prompt": "first"}}}
    document = ask(gatherd, made).document
    assert list(document["prompts"]) == ["a", "b"]
    assert models.prompts == ["first", "hi answer to first"]
    for request in models.requests:
        assert request.json()["generationConfig"]["maxOutputTokens"] == 7


# ---- printing ----


@pytest.fixture
def whole(folder, models):
    """A config with nearly everything that there is of providers and prompts."""
    conf = {
        "interval": "5m",
        "vars": {"team": "web", "url": models.url},
        "include": "conf.d/*.yaml",
        "defaults": {"temperature": 0.5, "max_tokens": 99, "timeout": "30s", "labels": {"a": "b"}},
        "services": {"s": {"url": f"{models.url}/ok"}},
        "providers": {
            "one": provider("openai", models)
            | {
                "base_url": "{{{url}}}/v1",
                "headers": {"X-Team": "{{team}} team", "X-Auth": "${MODEL_KEY}"},
                "extra_body": {"user": "${MODEL_KEY}", "n": 1, "list": [True, None, 1.5]},
                "price": {"input": 0.15, "output": 10},
                "budget": {"tokens": 100000, "per": "1d"},
                "rate": "600/min",
                "max_tokens_field": "max_tokens",
                "adaptive": False,
            },
            "two": provider("anthropic", models, key="l1teral-key", timeout="50s"),
        },
        "prompts": {
            "a": {
                "provider": "one",
                "prompt": "Hi {{team}}, $$5 for {{services.s.data}}\n",
                "system": {"file": "hi.txt"},
                "top_p": 0.9,
                "seed": -5,
                "stop": ["end", "---"],
                "when": "changed",
                "max_insert": "1KiB",
                "fence": True,
                "keep_last": True,
                "budget": {"cost": 1.5, "per": "30d"},
                "expect": {"body": {"pattern": "answer"}},
            },
            "b-{{m}}": {
                "for_each": {"m": ["x", 1, True]},
                "provider": "one",
                "model": "{{m}}",
                "prompt": "{{m}} ${MODEL_KEY}",
                "store_prompt": "hash",
                "needs": "a",
            },
            "off": {"provider": "two", "prompt": "never", "enabled": False},
        },
    }
    (folder.folder / "conf.d").mkdir()
    (folder.folder / "conf.d" / "c.txt").write_text("From ${elsewhere}, {{team}}.\n")
    more = {"prompts": {"c": {"provider": "two", "prompt": {"file": "c.txt"}, "temperature": 0}}}
    folder.config(more, "conf.d/more.yaml")
    return folder.config(conf)


def print_config(gatherd, path):
    result = gatherd.run("--print-config", "-c", path)
    assert (result.status, result.stderr) == (0, "")
    return result.stdout


def test_a_printed_config_prints_the_same_and_no_secret(folder, whole):
    text = print_config(folder, whole)
    assert KEY not in text and "l1teral" not in text
    assert print_config(folder, folder.config(text, "printed.yaml")) == text
    printed = yaml.safe_load(text)
    assert list(printed["providers"]) == ["one", "two"]
    assert printed["providers"]["one"]["key"] == "${MODEL_KEY}"
    assert printed["providers"]["two"]["key"] == "***"
    assert printed["providers"]["one"]["headers"]["X-Auth"] == "${MODEL_KEY}"
    assert printed["providers"]["one"]["extra_body"]["user"] == "${MODEL_KEY}"
    prompts = printed["prompts"]
    assert list(prompts) == ["a", "b-{{m}}", "off", "c"]
    assert prompts["c"]["prompt"] == {"file": "conf.d/c.txt"}
    assert prompts["a"]["temperature"] == 0.5 and prompts["c"]["temperature"] == 0
    assert prompts["a"]["timeout"] == "30s" and prompts["c"]["timeout"] == "50s"
    assert prompts["a"]["retries"] == 2 and prompts["a"]["store_prompt"] == "full"
    assert prompts["off"]["enabled"] is False
    assert "defaults" not in printed and "include" not in printed


# What is another each time.
RESTLESS = {"since", "checked_at", "last_ok_at", "duration_ms", "timing_ms", "started_at"}
RESTLESS |= {"ends_at", "generated_at", "stale_after"}


def at_rest(value):
    if isinstance(value, dict):
        return {key: at_rest(item) for key, item in value.items() if key not in RESTLESS}
    return [at_rest(item) for item in value] if isinstance(value, list) else value


def test_a_printed_config_asks_the_same_and_comes_to_the_same(folder, models, whole):
    # What was literal is not printed: whoever prints puts it in again.
    text = print_config(folder, whole).replace('key: "***"', "key: l1teral-key")
    came = []
    for path in (whole, folder.config(text, "printed.yaml")):
        models.requests.clear()
        result = folder.run("--once", "-c", path, "-o", "-")
        assert result.status == 0, result.stderr
        sent = sorted((r.target, r.body, sorted(r.headers)) for r in models.requests)
        came.append((sent, at_rest(result.document)))
    assert len(came[0][0]) == 6
    assert came[0][0] == came[1][0]
    assert came[0][1] == came[1][1]


def test_what_options_set_shows_in_what_is_printed(folder, models):
    made = config(models, {"a": "x {{v}}", "b": "y"}, vars={"v": 1})
    result = folder.run("--print-config", "--var", "v=two", "--only", "a", config=made)
    printed = yaml.safe_load(result.stdout)
    assert printed["vars"] == {"v": "two"} and list(printed["prompts"]) == ["a"]
    assert models.connections == 0


# ---- the schema ----


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(print_schema("config"))


def with_provider(text):
    """TEXT, a part of a config, beside what its prompts need."""
    return text if text.startswith("providers") else f"providers: {{p: {{api: ollama}}}}\n{text}"


@pytest.mark.parametrize("text", GOOD)
def test_the_schema_takes_what_the_program_takes(folder, validator, text):
    text = with_provider(text).replace("api: ollama}", "api: ollama, model: m}")
    result = folder.run("--check", config=text)
    assert result.status == 0, result.stderr
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_program_refuses(folder, validator, text):
    text = with_provider(text).replace("api: ollama}", "api: ollama, model: m}")
    assert folder.run("--check", config=text).status == 2
    assert not validator.is_valid(yaml.safe_load(text))


def test_a_printed_config_fits_the_schema(folder, whole, validator):
    validator.validate(yaml.safe_load(print_config(folder, whole)))
    validator.validate(yaml.safe_load(PROVIDER))
