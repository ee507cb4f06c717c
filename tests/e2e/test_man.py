"""The manual pages, held against what the programs and their tables say."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml

from conftest import Gatherd
from helpers_document import parse_document, read_document
from helpers_man import (
    SOURCE,
    commands,
    displays,
    items,
    names_of_table,
    page,
    section,
    source,
    words,
)
from helpers_prompts import KEY, models, provider  # noqa: F401
from models import refuses

# ---- options ----


def options_of_help(text):
    """(short letter or "", long name, takes an argument), as --help lists them."""
    row = re.compile(r"^  (?:-(\S),|   ) --([a-z-]+)( \S+)?(?:  |$)", re.M)
    return {(letter, name, bool(argument)) for letter, name, argument in row.findall(text)}


def options_of_page(text):
    # `.It Fl f Ar file , Fl Fl file Ar file`, or the long form alone.
    head = re.compile(r"^\.It (?:Fl (\S) .*?, )?Fl Fl (\S+)( .+)?$", re.M)
    return {(letter, name, bool(argument)) for letter, name, argument in head.findall(text)}


@pytest.mark.parametrize(
    "program, name", [("gatherd", "gatherd.8"), ("gatherctl", "gatherctl.1")]
)
def test_page_has_the_options_of_help(program, name, request):
    told = options_of_help(request.getfixturevalue(program).run("--help").stdout)
    documented = options_of_page(page(name))
    assert len(told) >= 5
    assert documented == told

    synopsis = section(page(name), "SYNOPSIS")
    for letter, long, _ in told:
        assert re.search(rf"[ |]{letter}( |$)" if letter else rf"Fl Fl {long}\b", synopsis, re.M), (
            f"the synopsis lacks {letter or long}"
        )


def test_page_has_the_commands_of_gatherctl():
    assert [head.split()[0] for head, _ in items(page("gatherctl.1"), "Cm")] == names_of_table(
        "ctl/command.c", "action_names"
    )


@pytest.mark.parametrize(
    "name, path, enum",
    [
        ("gatherd.8", "daemon/options.h", "exit_status"),
        ("gatherctl.1", "ctl/command.h", "ctl_exit"),
    ],
)
def test_page_has_every_exit_status(name, path, enum):
    values = re.search(rf"enum {enum} \{{(.*?)\}};", source(path), re.S).group(1)
    documented = re.findall(r"^\.It (\d+)$", section(page(name), "EXIT STATUS"), re.M)
    assert documented == re.findall(r"= (\d+)", values)


@pytest.mark.parametrize(
    "name, is_its_own",
    [
        ("gatherd.8", lambda path: path.parent.name != "ctl"),
        # What both programs show on a terminal is laid out in one place.
        ("gatherctl.1", lambda path: path.parent.name == "ctl" or path.name == "screen.c"),
    ],
)
def test_page_has_every_environment_variable(name, is_its_own):
    read = set()
    for path in SOURCE.glob("*/*.c"):
        if is_its_own(path):
            used = r'(?:getenv|is_set)\("(\w+)"\)|define \w+_VARIABLE "(\w+)"'
            read.update(a or b for a, b in re.findall(used, path.read_text()))
    assert {head for head, _ in items(section(page(name), "ENVIRONMENT"), "Ev")} == read


def test_page_has_the_words_of_the_log():
    log = section(page("gatherd.8"), "LOG")
    assert {head for head, _ in items(log, "Cm")} == set(
        names_of_table("base/log.c", "log_format_names")
    )
    assert set(names_of_table("base/log.c", "log_level_names")) <= set(words(log))


# ---- config keys ----

KEYS = page("gatherd.yaml.5")

# What the page calls the types that the schema refers to.
REFERENCES = {
    "#/$defs/duration": "duration",
    "#/$defs/positive_duration": "duration",
    "#/$defs/positive_size": "size",
    "#/$defs/truth": "bool",
    "#/$defs/permissions": "mode",
    "#/$defs/text": "text",
    "#/$defs/address": "text",
    "#/$defs/token": "text",
    "#/$defs/url": "template",
    "#/$defs/template": "template",
    "#/$defs/method": "text",
    "#/$defs/rate": "rate",
    "#/$defs/rules": "map",
    "#/$defs/extract": "map",
}

# Two keys whose maps have the same keys, told once.
SAME_KEYS = {"KEYS OF auth.digest": "KEYS OF auth.basic"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    run = Gatherd(tmp_path_factory.mktemp("schema")).run("--print-schema", "config")
    return json.loads(run.stdout)


def service_schema(schema):
    forms = schema["properties"]["services"]["additionalProperties"]["anyOf"]
    return next(form for form in forms if "properties" in form)


def definitions(schema):
    """The schemas of what the file has maps of, by the titles of their sections."""
    maps = schema["properties"]
    return {
        "KEYS OF A SERVICE": service_schema(schema),
        "KEYS OF A PROVIDER": maps["providers"]["additionalProperties"],
        "KEYS OF A PROMPT": maps["prompts"]["additionalProperties"],
    }


def table_of(title, schema):
    """The schema of the map whose keys stand in the section TITLE."""
    known = {"KEYS OF THE FILE": schema, **definitions(schema)}
    if title in known:
        return known[title]
    path = title.removeprefix("KEYS OF ").split(".")
    table = next(one for one in known.values() if path[0] in one["properties"])
    for key in path:
        table = table["properties"][key]
    return table


def nested_in(table, prefix=""):
    """The dotted names of the keys of TABLE that have keys themselves."""
    names = []
    for key, rule in table["properties"].items():
        if "properties" in rule and key != "defaults":
            names += [prefix + key, *nested_in(rule, f"{prefix}{key}.")]
    return names


def titles_of(schema):
    tables = [schema, *definitions(schema).values()]
    # What several have, tls and budget, is told once.
    nested = dict.fromkeys(key for table in tables for key in nested_in(table))
    titles = ["KEYS OF THE FILE", *definitions(schema), *(f"KEYS OF {key}" for key in nested)]
    return [title for title in titles if title not in SAME_KEYS]


def shared_bodies(rows):
    """The items ROWS, each with a body: those without one share that of the next."""
    made = []
    for head, body in reversed(rows):
        made.append((head, body if body or not made else made[-1][1]))
    return made[::-1]


def documented_keys(title):
    """{name: (type, what the parentheses say, body)}."""
    keys = {}
    for head, body in shared_bodies(items(section(KEYS, title), "Ic")):
        found = re.fullmatch(r"(\S+) : (?:Ar|No) (\w+)([\w ]*?)(?: Pq (.*))?", head)
        assert found, f"unreadable: .It Ic {head}"
        name, kind, _, note = found.groups()
        keys[name] = (kind, note, body)
    return keys


def type_of(rule):
    """What the page calls the type of a key that has RULE in the schema."""
    if "$ref" in rule:
        return REFERENCES[rule["$ref"]]
    if "anyOf" in rule and "properties" not in rule:
        forms = rule["anyOf"]
        if any(form.get("type") == "array" for form in forms):
            return "list"
        if "$ref" in forms[0]:
            return REFERENCES[forms[0]["$ref"]]
        if forms[0].get("type") == "number":
            return "decimal"
        return "word" if "enum" in forms[0] else "number"
    if "type" not in rule:
        return "anything"
    return "map" if "object" in rule["type"] else "list"


def test_page_has_a_section_for_each_map_of_keys(schema):
    documented = re.findall(r"^\.Sh (KEYS OF .*)$", KEYS, re.M)
    assert sorted(documented) == sorted(titles_of(schema))


def test_page_has_the_keys_of_the_schema(schema):
    for title in titles_of(schema):
        known = set(table_of(title, schema)["properties"])
        if "patternProperties" in table_of(title, schema):
            known.add("x-...")
        assert set(documented_keys(title)) == known, title


def test_defaults_take_what_the_page_says(schema):
    defaults = set(schema["properties"]["defaults"]["properties"])
    tables = definitions(schema)
    own = {"url", "prompt", "for_each"}
    targets = set(tables["KEYS OF A SERVICE"]["properties"]) | set(
        tables["KEYS OF A PROMPT"]["properties"]
    )
    assert targets - defaults == own
    _, _, body = documented_keys("KEYS OF THE FILE")["defaults"]
    assert "without\n.Ic url , prompt\nand\n.Ic for_each ,\n" in body


def without_descriptions(rule):
    if isinstance(rule, dict):
        return {
            name: without_descriptions(value)
            for name, value in rule.items()
            if name != "description" or not isinstance(value, str)
        }
    return [without_descriptions(one) for one in rule] if isinstance(rule, list) else rule


def assert_words_and_bounds(name, rule, body):
    form = rule.get("anyOf", [{}])[0]
    told_words = words(body) + [head for head, _ in items(body, "Cm")]
    assert set(form.get("enum", [])) <= set(told_words), name
    if "minimum" in form and "maximum" in form:
        bounds = f"from {form['minimum']} to {form['maximum']}"
        assert bounds in body.replace("\n", " "), name
    if "positive" in rule.get("$ref", ""):
        assert re.search("over 0", body, re.I), name


def test_page_has_types_defaults_and_bounds_of_the_schema(schema):
    for title in titles_of(schema):
        table = table_of(title, schema)
        for name, (kind, note, body) in documented_keys(title).items():
            if name == "x-...":
                continue
            rule = table["properties"][name]
            assert kind == type_of(rule), name

            told = re.fullmatch(r"default Cm (\S+)", note or "")
            default = rule.get("default")
            if not isinstance(default, (str, type(None))):
                default = json.dumps(default)
            assert (told and told.group(1)) == default, name
            assert (note == "required") == (name in table.get("required", [])), name

            if body.startswith("As of a service"):
                same = service_schema(schema)["properties"][name]
                assert without_descriptions(rule) == without_descriptions(same), name
            else:
                assert_words_and_bounds(name, rule, body)


def test_keys_with_the_default_of_the_file_say_so(gatherd):
    """Where the top level's value arrives in a service or prompt that says nothing."""
    config = {"interval": "7s", "timeout": "6s", "connect_timeout": "4s"}
    targets = {
        "services": {"a": "http://h"},
        "providers": {"p": {"api": "ollama", "model": "m"}},
        "prompts": {"b": {"prompt": "p"}},
    }
    run = gatherd.run("--print-config", config=config | targets)
    printed = yaml.safe_load(run.stdout)
    for title, target in (
        ("KEYS OF A SERVICE", printed["services"]["a"]),
        ("KEYS OF A PROMPT", printed["prompts"]["b"]),
    ):
        for name, (_, note, _) in documented_keys(title).items():
            inherits = name in config and target[name] == config[name]
            assert inherits == (note == "default : No the file's"), name


def test_every_type_is_explained():
    explained = {head for head, _ in items(section(KEYS, "TYPES"), "Ar")}
    used = set()
    for title in re.findall(r"^\.Sh (KEYS OF .*)$", KEYS, re.M):
        used.update(kind for kind, _, _ in documented_keys(title).values())
    assert used - {"anything"} == explained


# ---- the examples ----

EXAMPLES = [text for text in displays(KEYS) if re.match(r"[a-z_-]+:( |$)", text, re.M)]


def provide(gatherd, text):
    """Make what TEXT takes from outside; returns the environment."""
    credentials = gatherd.folder / "credentials"
    credentials.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    for scheme, name in re.findall(r"\$\{(?:(\w+):(?![-?]))?([^}:]+)", text):
        if scheme == "credential":
            (credentials / name).write_text("a key\n")
        elif scheme == "file":
            (gatherd.folder / name).write_text("a key\n")
        else:
            environment[name] = "something"
    return environment


def make_files(gatherd, text):
    """TEXT with files in the place of those it names, where they have to be there."""
    for name in re.findall(r"/etc/\S+\.(?:pem|key)", text):
        path = gatherd.folder / name.replace("/", "_")
        path.write_text("a certificate or a key\n")
        text = text.replace(name, str(path))
    return text


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_example_configs_are_right(gatherd, schema, text):
    text = make_files(gatherd, text)
    run = gatherd.run("--check", config=text, env=provide(gatherd, text))
    # Some show a part of a config.
    told = [line for line in run.stderr.splitlines() if "warning: no services" not in line]
    assert (run.status, told) == (0, [])
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(text))


def test_examples_have_every_key(schema):
    assert len(EXAMPLES) >= 10
    for title in titles_of(schema):
        for name in table_of(title, schema)["properties"]:
            assert any(re.search(rf"\b{name}:", text) for text in EXAMPLES), name


def test_faults_look_as_the_page_says(gatherd):
    expected = next(text for text in displays(KEYS) if ": error: " in text)
    lines = [""] * 7
    lines[1] = "intervall: 10s"
    lines[3:7] = ["vars: {user: ada}", "services:", "  ada:", '    url: "http://h/{{usr}}"']
    gatherd.config("\n".join(lines), name="shop.yaml")
    run = gatherd.run("--check", "-c", "shop.yaml")
    assert (run.status, run.stderr) == (2, expected)


def test_template_example_asks_what_its_comment_says(gatherd):
    text = next(text for text in EXAMPLES if "# asks for" in text)
    path = re.search(r"# asks for (\S+)", text).group(1)
    config = yaml.safe_load(text)
    config["vars"]["api"] = "http://127.0.0.1:1"
    document = gatherd.once(config).document
    assert document["services"]["user"]["url"] == "http://127.0.0.1:1" + path


# ---- the document ----

PAGE = page("gatherd.8")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def status_json(gatherd, models):  # noqa: F811
    """A document with a service and a prompt that are well and say all there is, and a service
    and a prompt that failed.
    """
    words_of_config = {
        "group": "shop",
        "labels": {"team": "web"},
        "description": "The well one",
    }
    budget = {"tokens": 1000, "per": "1d"}
    models.plan["no"] = lambda api, request, number: refuses(api)
    config = {
        "services": {
            "well": {"url": f"{models.url}/ok"} | words_of_config,
            "failing": {"url": f"{models.url}/status/500", "keep_last": True},
        },
        "providers": {"p": provider("openai", models, budget=budget)},
        "prompts": {
            "said": {"prompt": "yes", "budget": budget} | words_of_config,
            "refused": {"prompt": "no", "keep_last": True},
        },
    }
    environment = {"MODEL_KEY": KEY}
    run = gatherd.run("--once", "-o", "status.json", config=config, env=environment)
    assert run.status == 1
    return gatherd.folder / "status.json"


def documented_fields(title):
    """[(dotted name, type)], in the page's order."""
    heads = [head for head, _ in items(section(PAGE, title, "Ss"), "Va")]
    return [tuple(re.sub(r"\b(No|Cm) ", "", head).split(" : ")) for head in heads]


# The objects whose keys are documented beside those of what they stand in.
FLAT = ["round", "timing_ms", "error", "usage", "estimate", "budget"]


def flat(value, prefix=""):
    """[(dotted name, value)] of an object and the objects in it."""
    fields = []
    for name, inner in value.items():
        fields.append((prefix + name, inner))
        if isinstance(inner, dict) and name in FLAT:
            fields += flat(inner, f"{prefix}{name}.")
    return fields


def assert_type(name, value, kind):
    allowed = kind.split(" or ")
    if value is None:
        assert "null" in allowed or kind == "any value", name
    elif kind != "any value":
        check = {
            "number": lambda: isinstance(value, (int, float)) and not isinstance(value, bool),
            "boolean": lambda: isinstance(value, bool),
            "text": lambda: isinstance(value, str),
            "time": lambda: TIME.fullmatch(value),
            "object": lambda: isinstance(value, dict),
            "object of texts": lambda: all(isinstance(text, str) for text in value.values()),
            "array of texts": lambda: all(isinstance(text, str) for text in value),
        }
        assert check[allowed[0]](), f"{name}: {value!r} is no {kind}"


def assert_fields(value, title):
    documented = dict(documented_fields(title))
    for name, inner in flat(value):
        assert_type(name, inner, documented[name])
    return list(documented)


def test_page_has_the_head_of_the_document(status_json):
    document = read_document(status_json)
    assert assert_fields(document, "Head") == [name for name, _ in flat(document)]


def test_page_has_the_entries_of_the_document(status_json):
    services = read_document(status_json)["services"]
    documented = assert_fields(services["well"], "Entry of a service")
    failing = [name for name, _ in flat(services["failing"])]

    assert_fields(services["failing"], "Entry of a service")
    # The one that failed has an error and what was before; the one that is well has the
    # words of the config.
    assert documented[-4:] == ["last_data", "group", "labels", "description"]
    assert failing == documented[:-3]
    assert [name for name, _ in flat(services["well"])] == [
        name for name in documented if not name.startswith("error.") and name != "last_data"
    ]


def test_page_has_the_entries_of_prompts(status_json):
    prompts = read_document(status_json)["prompts"]
    documented = assert_fields(prompts["said"], "Entry of a prompt")
    said = [name for name, _ in flat(prompts["said"])]
    refused = [name for name, _ in flat(prompts["refused"])]

    assert_fields(prompts["refused"], "Entry of a prompt")
    assert said == [
        name for name in documented if not re.match(r"error\.|last_(response|data)", name)
    ]
    words_of_config = ("group", "labels", "description")
    assert refused == [
        name
        for name in documented
        if not name.startswith("budget.") and name not in words_of_config
    ]


def test_page_has_the_entries_of_providers(status_json):
    entry = read_document(status_json)["providers"]["p"]
    documented = documented_fields("Entry of a provider")
    assert [name for name, _ in documented] == list(entry)
    for name, kind in documented:
        assert_type(name, entry[name], kind)
    budget = [name.removeprefix("budget.") for name, _ in documented_fields("Entry of a prompt")]
    assert set(entry["budget"]) <= set(budget)


def test_the_document_has_the_lines_that_the_page_says(status_json):
    lines = status_json.read_text().splitlines()
    names = [re.match(r'\s*"(\w+)":', line) for line in lines]
    document = parse_document("\n".join(lines))
    assert [name.group(1) for name in names if name] == [
        *list(document)[:-2],
        *document["services"],
        "prompts",
        *document["prompts"],
        "providers",
        *document["providers"],
    ]


def statuses():
    return [head for head, _ in items(section(PAGE, "Statuses", "Ss"), "Cm")]


def kinds():
    return items(section(PAGE, "Kinds of errors", "Ss"), "Cm")


def test_page_has_the_statuses(status_json):
    counts = read_document(status_json)["counts"]
    assert statuses() == names_of_table("gather/outcome.c", "status_names")
    assert list(counts) == ["total", *statuses()]


def test_page_has_the_kinds_of_errors_and_what_status_each_makes():
    assert sorted(kind for kind, _ in kinds()) == sorted(
        names_of_table("gather/outcome.c", "error_kind_names")
    )
    made = dict(re.findall(r"\[KIND_(\w+)\] = STATUS_(\w+),", source("gather/outcome.c")))
    for kind, body in kinds():
        told = re.search(r"^The status is\n\.Cm (\w+)", body, re.M)
        status = told.group(1) if told else "error"
        assert status == made[kind.upper()].lower(), kind


def test_page_has_the_phases():
    documented = [head for head, _ in items(section(PAGE, "Phases", "Ss"), "Cm")]
    assert documented == names_of_table("http/request.c", "response_phase_names")


def shell(script, folder):
    """What SCRIPT prints; nothing may go wrong."""
    run = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True)
    assert run.stderr == ""
    return run.stdout


FAILED = {
    "failing": "returned HTTP 500",
    "refused": "the model's answer was blocked: I cannot do that.",
}
FAILED_LINES = "".join(f"{name}\t{message}\n" for name, message in FAILED.items())


def test_examples_of_jq_work(status_json):
    shell("cp status.json answers.json", status_json.parent)
    examples = [command for text in displays(PAGE) for command in commands(text, "jq")]
    names, errors, slowest, well, answers = [
        shell(script, status_json.parent) for script in examples
    ]
    assert names.split() == list(FAILED)
    assert errors == FAILED_LINES
    assert len(slowest.splitlines()) == 3
    assert {line.split("\t")[0] for line in slowest.splitlines()} < {"well", "said", *FAILED}
    assert well == "false\n"
    assert answers == "said: answer to yes\nrefused: null\n"


def test_example_in_python_works(status_json):
    program = next(text for text in displays(PAGE) if text.startswith("import json"))
    program = program.replace("/var/lib/gatherd-shop/status.json", str(status_json))
    run = subprocess.run(["python3", "-c", program], capture_output=True, text=True)
    kinds = {"failing": "http", "refused": "blocked"}
    expected = "".join(f"{name}: {kinds[name]}: {FAILED[name]}\n" for name in FAILED)
    assert (run.stdout, run.stderr) == (expected, "")


def test_example_of_gatherctl_and_jq_works(status_json, gatherctl):
    text = next(text for text in displays(page("gatherctl.1")) if "jq" in text)
    script = re.sub(r"^\$ ", "", text, flags=re.M)
    script = script.replace("/var/lib/gatherd-shop/status.json", str(status_json))
    script = script.replace("gatherctl ", f"{gatherctl.program} ")
    assert shell(script, gatherctl.folder) == FAILED_LINES
