"""The command line: options, where the document goes, exit statuses."""

import json
import re

import pytest

from helpers_document import read_document
from helpers_gatherd import names_in, services
from upstream import answer

# ---- wrong usage ----


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--once", "--frobnicate"], "frobnicate"),
        (["--once", "-z"], "z"),
        (["--onec"], "onec"),
        (["--once=2"], "once"),
        (["--once", "stray"], "stray"),
        (["--once", "-c"], "argument"),
        (["--once", "--output"], "argument"),
        (["--once", "--output", ""], "--output: expected a file"),
        (["--rounds", "0"], "--rounds 0: expected a whole number"),
        (["--rounds", "-1"], "--rounds -1: expected"),
        (["--rounds", "2.5"], "--rounds 2.5: expected"),
        (["--rounds", "many"], "--rounds many: expected"),
        (["--rounds", ""], "--rounds : expected"),
        (["--rounds", "99999999999999999999"], "expected a whole number"),
        (["--once", "--var", "region"], "--var region: expected NAME=VALUE"),
        (["--once", "--var", "=eu"], "--var =eu: expected NAME=VALUE"),
        (["--once", "--log-level", "loud"], "--log-level loud: expected error, warn"),
        (["--once", "-l", "INFO"], "expected error, warn, info or debug"),
        (["--once", "--log-format", "xml"], "--log-format xml: expected auto, text"),
        (["--print-schema", "dashboard"], "--print-schema dashboard: expected config or status"),
        (["--print-schema"], "argument"),
        (["--only", "a"], "--once"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_asked(gatherd, upstream, arguments, words):
    gatherd.config(services(upstream, a="/ok"))
    result = gatherd.run("-c", "gatherd.yaml", "-o", "out.json", *arguments)
    assert result.status == 2
    message, hint = result.stderr.splitlines()
    assert re.match(r"(\S*/)?gatherd: ", message) and words in message
    assert hint == "Try 'gatherd --help'."
    assert result.stdout == ""
    assert upstream.connections == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(gatherd, option):
    result = gatherd.run(option)
    assert result.status == 0 and result.stderr == ""
    assert result.stdout.startswith("Usage: gatherd")
    for name in (
        "-c, --config FILE",
        "-1, --once",
        "--rounds N",
        "-o, --output FILE",
        "-t, --check",
        "--print-config",
        "--print-schema",
        "--var NAME=VALUE",
        "--only NAME[,NAME]",
        "-l, --log-level LEVEL",
        "--log-format",
        "-p, --progress",
        "--no-progress",
        "-h, --help",
        "-V, --version",
    ):
        assert name in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    for status in range(4):
        assert re.search(rf"\b{status}\b", result.stdout[result.stdout.index("Exit") :])


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_that_of_the_documents_generator(gatherd, option):
    result = gatherd.run(option)
    assert result.status == 0 and result.stderr == ""
    assert re.fullmatch(r"gatherd \d+\.\d+\.\d+\S*\n", result.stdout)
    assert gatherd.once({}).document["generator"] + "\n" == result.stdout


def test_a_long_option_may_be_shortened_while_it_is_clear(gatherd):
    assert gatherd.run("--vers").stdout.startswith("gatherd ")
    result = gatherd.run("--ver=1", "--v")
    assert result.status == 2 and result.stdout == ""


def test_a_config_that_is_not_there_is_a_fault(gatherd):
    result = gatherd.run("--once", "-c", "nowhere.yaml")
    assert result.status == 2
    assert result.stderr.startswith("nowhere.yaml:1:1: error: ")
    assert "No such file" in result.stderr


# ---- rounds ----


def without_times(document):
    """DOCUMENT less what differs from run to run."""

    def strip(value):
        if isinstance(value, dict):
            return {
                key: strip(inner)
                for key, inner in value.items()
                if not key.endswith(("_at", "_ms", "_after")) and key != "since"
            }
        return value

    return strip(document)


def test_once_is_one_round(gatherd, upstream):
    config = services(upstream, a="/ok", b="/status/500")
    once = gatherd.once(config)
    rounds = gatherd.run("--rounds", "1", "-o", "-", config=config)
    assert once.status == rounds.status == 1
    assert without_times(once.document) == without_times(rounds.document)
    assert len(once.documents) == 1
    assert upstream.asked == {"/ok": 2, "/status/500": 2}


def test_each_round_has_a_document_with_the_next_numbers(gatherd, upstream):
    result = gatherd.run("--rounds", "4", "-o", "-", config=services(upstream, a="/ok"))
    assert result.status == 0
    found = result.documents
    assert [document["generation"] for document in found] == [1, 2, 3, 4]
    assert [document["round"]["number"] for document in found] == [1, 2, 3, 4]
    starts = [document["round"]["started_at"] for document in found]
    ends = [document["generated_at"] for document in found]
    assert starts == sorted(starts) and ends == sorted(ends)
    # Each begins when the document of the one before was published.
    assert all(end <= start for end, start in zip(ends, starts[1:]))
    assert upstream.asked == {"/ok": 4}


def test_the_last_option_of_rounds_counts(gatherd, upstream):
    config = services(upstream, a="/ok")
    assert len(gatherd.once(config, "--rounds", "3").documents) == 3
    result = gatherd.run("--rounds", "3", "-1", "-o", "-", config=config)
    assert len(result.documents) == 1


def test_streaks_follow_the_rounds(gatherd, upstream):
    answers = {
        1: answer('{"n": 1}'),
        2: answer("down", 503),
        3: answer("still", 503),
        4: b"this is no HTTP\r\n\r\n",
        5: answer('{"n": 5}'),
        6: answer('{"n": 6}'),
    }
    upstream.answers["/a"] = lambda request, number: answers[number]
    config = {"services": {"a": {"url": upstream.url + "/a", "reuse": False}}}
    result = gatherd.run("--rounds", "6", "-o", "-", config=config)
    assert result.status == 0  # that of the last round
    entries = [document["services"]["a"] for document in result.documents]
    checked = [entry["checked_at"] for entry in entries]
    assert [entry["status"] for entry in entries] == [
        "ok",
        "http_error",
        "http_error",
        "error",
        "ok",
        "ok",
    ]
    assert [entry["failures"] for entry in entries] == [0, 1, 2, 3, 0, 0]
    first_of_its_kind = [0, 1, 1, 3, 4, 4]
    assert [entry["since"] for entry in entries] == [checked[i] for i in first_of_its_kind]
    last_ok = [0, 0, 0, 0, 4, 5]
    assert [entry["last_ok_at"] for entry in entries] == [checked[i] for i in last_ok]
    assert [entry["data"] for entry in entries] == [{"n": 1}, None, None, None, {"n": 5}, {"n": 6}]


def test_what_never_answered_well_has_no_last_time(gatherd, upstream):
    result = gatherd.run("--rounds", "3", "-o", "-", config=services(upstream, a="/status/500"))
    entries = [document["services"]["a"] for document in result.documents]
    assert [entry["last_ok_at"] for entry in entries] == [None] * 3
    assert [entry["failures"] for entry in entries] == [1, 2, 3]
    assert len({entry["since"] for entry in entries}) == 1


def test_the_exit_status_is_that_of_the_last_round(gatherd, upstream):
    upstream.answers["/a"] = lambda request, number: answer("{}", 200 if number < 3 else 500)
    result = gatherd.run("--rounds", "3", "-o", "-", config=services(upstream, a="/a"))
    assert result.status == 1


# ---- --var ----


def test_var_overrides_and_adds(gatherd, upstream):
    config = {
        "vars": {"region": "eu", "kept": "k"},
        "services": {"a": upstream.url + "/echo/{{region}}/{{kept}}/{{new}}"},
    }
    result = gatherd.once(config, "--var", "region=us", "--var", "new=n")
    assert result.status == 0
    assert upstream.paths() == ["/echo/us/k/n"]


@pytest.mark.parametrize(
    "value, path",
    [
        ("", "/echo/<>"),
        ("a=b", "/echo/<a%3Db>"),
        ("a b&c/d", "/echo/<a%20b%26c%2Fd>"),
        ("{{region}}", "/echo/<%7B%7Bregion%7D%7D>"),
        ("${HOME}", "/echo/<%24%7BHOME%7D>"),
        ("ü", "/echo/<%C3%BC>"),
        ("007", "/echo/<007>"),
        ("true", "/echo/<true>"),
    ],
)
def test_the_value_of_a_var_is_text(gatherd, upstream, value, path):
    config = {"services": {"a": upstream.url + "/echo/%3C{{x}}%3E"}}
    assert gatherd.once(config, "--var", f"x={value}").status == 0
    assert upstream.paths() == [path.replace("<", "%3C").replace(">", "%3E")]


def test_of_two_vars_of_a_name_the_last_counts(gatherd, upstream):
    config = {"services": {"a": upstream.url + "/echo/{{x}}"}}
    assert gatherd.once(config, "--var", "x=1", "--var", "x=2").status == 0
    assert upstream.paths() == ["/echo/2"]


def test_a_var_of_an_unfit_name_is_a_fault_of_the_command_line(gatherd, upstream):
    result = gatherd.once(services(upstream, a="/ok"), "--var", "now=1", "--var", "a.b=2")
    assert result.status == 2 and result.stdout == ""
    assert result.stderr.count("<command-line>:1:1: error: --var: ") == 2
    assert upstream.connections == 0


# ---- --only ----

NAMES = ["alpha", "beta", "gamma", "a,b", "delta"]


@pytest.fixture
def five(upstream):
    return services(upstream, **{name: "/echo/" + name.replace(",", "+") for name in NAMES})


@pytest.mark.parametrize(
    "options, names",
    [
        (["--only", "beta"], ["beta"]),
        (["--only=beta"], ["beta"]),
        (["--only", "gamma,alpha"], ["alpha", "gamma"]),
        (["--only", "gamma", "--only", "alpha"], ["alpha", "gamma"]),
        (["--only", "beta,beta", "--only", "beta"], ["beta"]),
        (["--only", "a,b"], ["a,b"]),
        (["--only", "a,b", "--only", "delta,gamma"], ["gamma", "a,b", "delta"]),
    ],
)
def test_only_some_are_asked_in_config_order(gatherd, upstream, five, options, names):
    result = gatherd.once(five, *options)
    assert result.status == 0
    assert list(result.document["services"]) == names
    assert result.document["counts"]["total"] == len(names)
    assert result.document["round"]["targets"] == len(names)
    assert sorted(upstream.paths()) == sorted("/echo/" + name.replace(",", "+") for name in names)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--only", "alhpa"], ['"alhpa"', "did you mean alpha?"]),
        (["--only", "beta,zzzzzz"], ['"zzzzzz"']),
        (["--only", "beta,alhpa", "--only", "gama"], ["mean alpha?", "did you mean gamma?"]),
        (["--only", "a"], ['"a"']),
    ],
)
def test_an_unknown_name_is_wrong_usage(gatherd, upstream, five, options, words):
    result = gatherd.once(five, *options)
    assert result.status == 2 and result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "beta" not in result.stderr
    assert upstream.connections == 0


@pytest.mark.parametrize("names", ["", ","])
def test_no_name_at_all_is_wrong_usage(gatherd, upstream, five, names):
    """`--only "$NAME"` of an empty variable must not publish an empty document."""
    result = gatherd.once(five, "--only", names)
    assert result.status == 2 and result.stdout == ""
    assert "--only" in result.stderr


# ---- where the document goes ----


def test_an_option_goes_before_the_config_before_the_state_folder(gatherd, upstream):
    state = gatherd.folder / "state"
    state.mkdir()
    environment = {"STATE_DIRECTORY": str(state)}
    config = services(upstream, a="/ok")
    configured = {**config, "output": {"file": str(gatherd.folder / "configured.json")}}

    result = gatherd.run("--once", "-o", "option.json", config=configured, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(gatherd.folder) == ["gatherd.yaml", "option.json", "state"]

    result = gatherd.run("--once", config=configured, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(gatherd.folder) == ["configured.json", "gatherd.yaml", "option.json", "state"]
    assert names_in(state) == []

    result = gatherd.run("--once", config=config, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(state) == ["status.json"]
    assert read_document(state / "status.json")["status"] == "ok"

    result = gatherd.run("--once", config=config)
    assert result.status == 0 and result.document["status"] == "ok"


def test_of_several_state_folders_the_first_counts(gatherd):
    for name in ("one", "two"):
        (gatherd.folder / name).mkdir()
    folders = f"{gatherd.folder}/one:{gatherd.folder}/two"
    assert gatherd.run("--once", config={}, env={"STATE_DIRECTORY": folders}).status == 0
    assert names_in(gatherd.folder / "one") == ["status.json"]
    assert names_in(gatherd.folder / "two") == []


def test_an_empty_state_folder_is_none(gatherd):
    result = gatherd.run("--once", config={}, env={"STATE_DIRECTORY": ""})
    assert result.status == 0 and result.document["counts"]["total"] == 0


def test_standard_output_can_be_named_against_the_config(gatherd, upstream):
    config = {**services(upstream, a="/ok"), "output": {"file": "status.json"}}
    assert gatherd.once(config).document["status"] == "ok"
    assert names_in(gatherd.folder) == ["gatherd.yaml"]
    assert gatherd.run("--once", config={"output": {"file": "-"}}).document["status"] == "ok"


def test_every_round_replaces_the_file(gatherd, upstream):
    result = gatherd.run("--rounds", "3", "-o", "out.json", config=services(upstream, a="/ok"))
    assert result.status == 0
    assert read_document(gatherd.folder / "out.json")["generation"] == 3
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


# ---- exit statuses ----


@pytest.mark.parametrize(
    "first, second, options, status",
    [
        ("/ok", "/ok", {}, 0),
        ("/ok", "/status/500", {}, 1),
        ("/status/500", "/close", {}, 1),
        ("/ok", "/status/500", {"required": False}, 0),
        ("/ok", "/hang", {"required": False, "timeout": "100ms"}, 0),
        ("/status/500", "/status/500", {"required": False}, 1),
        ("/ok", "/status/500", {"enabled": False}, 0),
    ],
)
def test_exit_status(gatherd, upstream, first, second, options, status):
    config = services(upstream, a=first)
    config["services"]["b"] = {"url": upstream.url + second, **options}
    assert gatherd.once(config).status == status


def test_what_is_not_required_fails_in_its_entry_only(gatherd, upstream):
    config = services(upstream, a="/ok")
    config["services"]["b"] = {"url": upstream.url + "/status/500", "required": False}
    result = gatherd.once(config)
    assert result.status == 0
    assert result.document["status"] == "ok"
    assert result.document["failed"] == ["b"]
    assert result.document["services"]["b"]["status"] == "http_error"


def test_what_is_not_enabled_is_neither_asked_nor_told(gatherd, upstream):
    config = services(upstream, a="/ok")
    config["services"]["b"] = {"url": upstream.url + "/b", "enabled": False}
    result = gatherd.once(config)
    assert list(result.document["services"]) == ["a"]
    assert result.document["counts"]["total"] == 1
    assert upstream.asked == {"/ok": 1}


def test_no_targets_are_no_error(gatherd):
    result = gatherd.once({"services": {}})
    assert result.status == 0
    assert result.document["services"] == {} and result.document["status"] == "ok"


# ---- the config from standard input ----


def test_the_config_can_come_from_standard_input(gatherd, upstream):
    text = json.dumps(services(upstream, a="/ok"))
    result = gatherd.run("-1", "-c", "-", "-o", "-", input=text)
    assert result.status == 0 and result.document["counts"]["ok"] == 1


def test_faults_of_standard_input_have_its_name(gatherd):
    result = gatherd.run("-t", "-c", "-", input="interval: soon\n")
    assert result.status == 2
    assert result.stderr.startswith("<stdin>:1:11: error: interval: ")
