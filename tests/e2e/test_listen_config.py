"""The keys of what is seen from outside: what is taken, refused, warned of, printed, described."""

import re

import jsonschema
import pytest
import yaml

from helpers_document import print_schema
from helpers_gatherd import names_in

SERVICES = "services: {a: http://x/}\n"
NOT_LOCAL = "other machines could reach this address"
STANDARD_OUTPUT = "only the document can go to standard output"


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(print_schema("config"))


@pytest.fixture
def outside(gatherd):
    gatherd.environment.pop("NOT_SET", None)
    gatherd.environment.update(SECRET="s3cr3t-of-many-letters", PORT="8787", EMPTY="")
    return gatherd


# ---- what is an address ----

ADDRESSES = [
    "127.0.0.1:8787",
    "127.255.0.1:1",
    "localhost:65535",
    "LOCALHOST:80",
    "[::1]:8787",
    "[0:0:0:0:0:0:0:1]:80",
    "[::ffff:127.0.0.1]:80",
    "unix:/run/gatherd/http.sock",
    "unix:/run/a b: c",
    "unix:/" + 106 * "x",  # more fits into no sockaddr_un(7)
    "127.0.0.1:${plain:PORT}",
    "${NOT_SET:-unix:/run/x}",
    "unix:/run/${SECRET}",
]


def take(gatherd, validator, text):
    """What is printed, and read, of a config that is well: for us and for the schema."""
    result = gatherd.run("--check", config=text + SERVICES)
    assert (result.status, result.stderr) == (0, "")
    validator.validate(yaml.safe_load(text + SERVICES))
    printed = gatherd.run("--print-config", "-c", "gatherd.yaml").stdout
    assert gatherd.run("--print-config", config=printed).stdout == printed
    values = yaml.safe_load(printed.replace(": 0644", ": '0644'"))
    validator.validate(values)
    return values


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_taken_and_printed_as_it_is(outside, validator, address):
    printed = take(outside, validator, f"listen: '{address}'\n")
    assert printed["listen"] == address and printed["listen_public"] is False


@pytest.mark.parametrize("address", ["", "null", "~", "''", "${EMPTY:-}"])
def test_nothing_is_no_address(outside, validator, address):
    printed = take(outside, validator, f"listen: {address}\n")
    assert printed.get("listen") in (None, "${EMPTY:-}")


@pytest.mark.parametrize("address", ["0.0.0.0:80", "192.0.2.7:80", "[::]:80", "[2001:db8::7]:80"])
def test_a_public_address_is_taken_where_it_is_meant(outside, validator, address):
    printed = take(outside, validator, f"listen: '{address}'\nlisten_public: yes\n")
    assert printed["listen"] == address and printed["listen_public"] is True


# ---- what is none ----

# What stands there, where it is told and with which words, and whether the schema sees it too.
FAULTS = [
    ("listen: 8787\n", "1:9", "an address and a port", True),
    ("listen: yes\n", "1:9", "an address and a port", True),
    ("listen: 127.0.0.1\n", "1:9", "an address and a port", True),
    ("listen: 127.1:80\n", "1:9", "an address and a port", True),
    ("listen: 127.0.0.256:80\n", "1:9", "an address and a port", False),
    ("listen: www.example.com:80\n", "1:9", "an address and a port", True),
    ("listen: http://127.0.0.1:80/\n", "1:9", "an address and a port", True),
    ("listen: tcp:127.0.0.1:80\n", "1:9", "an address and a port", True),
    ("listen: /run/http.sock\n", "1:9", "an address and a port", True),
    ("listen: '[127.0.0.1]:80'\n", "1:9", "an address and a port", False),
    ("listen: ::1:80\n", "1:9", "stands in brackets", True),
    ("listen: :80\n", "1:9", "0.0.0.0 or [::]", True),
    ("listen: '*:80'\n", "1:9", "0.0.0.0 or [::]", True),
    ("listen: 127.0.0.1:0\n", "1:9", "a port from 1 to 65535", True),
    ("listen: 127.0.0.1:65536\n", "1:9", "a port from 1 to 65535", False),
    ("listen: 127.0.0.1:080\n", "1:9", "a port from 1 to 65535", True),
    ("listen: 127.0.0.1:http\n", "1:9", "a port from 1 to 65535", True),
    ("listen: '[::1]:80 '\n", "1:9", "a port from 1 to 65535", True),
    ("listen: '[fe80::1%nolink]:80'\n", "1:9", "no network interface", False),
    ("listen: unix:http.sock\n", "1:9", "absolute path", True),
    ("listen: unix:@abstract\n", "1:9", "absolute path", True),
    ("listen: 'unix:'\n", "1:9", "absolute path", True),
    ("listen: unix:/run/gatherd/\n", "1:9", "absolute path", True),
    (f"listen: unix:/{'x' * 107}\n", "1:9", "at most 107 bytes", False),
    ("listen: [127.0.0.1:80]\n", "1:9", "not a list", True),
    ("listen: {unix: /run/x}\n", "1:9", "not a map", True),
    ("listen: ${NOT_SET}\n", "1:9", "NOT_SET is not set", False),
    ("listen: ${SECRET}:80\n", "1:9", "an address and a port", False),
    ("listen: 0.0.0.0:80\n", "1:9", NOT_LOCAL, False),
    ("listen: '[::]:80'\n", "1:9", NOT_LOCAL, False),
    ("listen: '[::ffff:192.0.2.7]:80'\n", "1:9", NOT_LOCAL, False),
    ("listen_public: no\nlisten: 192.0.2.7:80\n", "2:9", NOT_LOCAL, False),
    ("listen_public: everybody\n", "1:16", "true or false", True),
    ("listn: 127.0.0.1:80\n", "1:1", "did you mean listen?", True),
    ("listen-public: yes\n", "1:1", "did you mean listen_public?", True),
    # ---- output ----
    ("output: {metrics: '-'}\n", "1:19", STANDARD_OUTPUT, False),
    ("output: {page: '-'}\n", "1:16", STANDARD_OUTPUT, False),
    ("output: {metrics: [a]}\n", "1:19", "not a list", True),
    ("output: {page: {file: a}}\n", "1:16", "not a map", True),
    ("output: {pages: a}\n", "1:10", "did you mean page?", True),
    ("output: {file: a, metrics: a}\n", "1:28", "this is output.file already", False),
    ("output: {file: a, page: ./a}\n", "1:25", "this is output.file already", False),
    ("output: {metrics: a, page: a}\n", "1:28", "this is output.metrics already", False),
    ("output: {page: sub/../a, file: .//sub/./../a}\n", "1:16", "output.file already", False),
    ("output: {file: a, page: HERE//a}\n", "1:25", "this is output.file already", False),
    ("output: {file: no/a, page: no/a}\n", "1:28", "this is output.file already", False),
    ("listen: unix:HERE/a\noutput: {page: a}\n", "1:9", "this is output.page already", False),
    # ---- metrics ----
    ("metrics: {max_histograms: -1}\n", "1:27", "whole number from 0", True),
    ("metrics: {max_histograms: all}\n", "1:27", "whole number from 0", True),
    ("metrics: {max_histograms: 1.5}\n", "1:27", "whole number from 0", True),
    ("metrics: {histograms: 1}\n", "1:11", "unknown key histograms", True),
    ("metrics: gatherd.prom\n", "1:10", "metrics: expected a map", True),
]


@pytest.mark.parametrize("text, place, words, in_schema", FAULTS)
def test_a_fault_is_told_at_its_place(outside, validator, text, place, words, in_schema):
    config = text.replace("HERE", str(outside.folder)) + SERVICES
    # The same from --check and from what would ask.
    results = [outside.run("--check", config=config)]
    before = names_in(outside.folder)
    results.append(outside.run("--once", "-c", "gatherd.yaml"))
    for result in results:
        assert (result.status, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert re.match(rf"(\S+/)?gatherd\.yaml:{place}: error: ", line), line
        assert words in line and "s3cr3t" not in line
    assert names_in(outside.folder) == before
    assert validator.is_valid(yaml.safe_load(config)) != in_schema


def test_all_faults_are_told_in_one_run(outside):
    text = "listen: 8787\noutput: {metrics: '-', page: '-'}\nmetrics: {max_histograms: x}\n"
    result = outside.run("--check", config=text + "listen_public: 2\n" + SERVICES)
    lines = result.stderr.splitlines()
    places = [line.split(": ")[0].rpartition("gatherd.yaml:")[2] for line in lines]
    assert places == ["1:9", "2:19", "2:30", "3:27", "4:16"]


def test_none_of_it_may_stand_in_an_included_file(outside):
    outside.config("listen: 127.0.0.1:80\nlisten_public: no\nmetrics: {}\n", "more.yaml")
    result = outside.run("--check", config="include: more.yaml\n" + SERVICES)
    assert result.status == 2
    lines = result.stderr.splitlines()
    keys = [line.split(": ")[2].split()[0] for line in lines]
    assert keys == ["listen", "listen_public", "metrics"]
    assert all("cannot stand in an included file" in line for line in lines)


# ---- files ----


def test_files_are_taken_and_printed_as_they_are(outside, validator):
    text = (
        "output:\n  file: '-'\n  metrics: ${plain:PORT}/a.prom\n  page: 'a: b.html'\n"
        "metrics:\n  max_histograms: 0\n"
    )
    printed = take(outside, validator, text)
    assert list(printed["output"])[:3] == ["file", "metrics", "page"]
    assert printed["output"]["metrics"] == "${plain:PORT}/a.prom"
    assert printed["output"]["page"] == "a: b.html"
    assert printed["metrics"] == {"max_histograms": 0}


def test_files_of_the_same_name_in_two_folders_are_two(outside, validator):
    for name in ("b", "c"):
        (outside.folder / name).mkdir()
    take(outside, validator, "output: {file: a, metrics: b/a, page: c/a}\n")


def test_a_path_from_outside_stays_secret(outside):
    text = "output: {page: '${SECRET}'}\nlisten: 'unix:/run/${SECRET}'\n"
    printed = outside.run("--print-config", config=text + SERVICES)
    assert printed.status == 0
    assert "page: ${SECRET}" in printed.stdout and "s3cr3t" not in printed.stdout


# ---- warnings ----


@pytest.mark.parametrize(
    "text, who",
    [
        ("listen: 127.0.0.1:80\n", "everybody on this machine can read"),
        ("listen: 0.0.0.0:80\nlisten_public: on\n", "everybody who can reach this address"),
    ],
)
def test_check_warns_of_what_a_port_shows(outside, text, who):
    shut = text + SERVICES + "output: {permissions: 0640}\n"
    result = outside.run("--check", config=shut)
    assert result.status == 0 and "1 warning" in result.stdout
    (line,) = result.stderr.splitlines()
    assert "gatherd.yaml:1:9: warning: listen: " in line
    assert who in line and "0640" in line and "unix:" in line
    for fine in (
        text + SERVICES,
        shut.replace("0640", "0604"),
        SERVICES + "listen: unix:/run/x\noutput: {permissions: 0600}\n",
    ):
        result = outside.run("--check", config=fine)
        assert (result.status, result.stderr) == (0, "")


# ---- the schema ----


def test_the_schema_describes_them(validator):
    keys = validator.schema["properties"]
    assert {"listen", "listen_public", "metrics"} < set(keys)
    assert list(keys["output"]["properties"])[:3] == ["file", "metrics", "page"]
    assert keys["listen_public"]["default"] is False
    assert keys["metrics"]["properties"]["max_histograms"]["default"] == 200
    assert "default" not in keys["listen"]


def test_the_schema_takes_them_from_outside_too(validator):
    for text in (
        "listen: ${LISTEN}\nlisten_public: ${PUBLIC}\n",
        "output: {metrics: '${METRICS}', page: '${PAGE}'}\n",
        "metrics: {max_histograms: '${COUNT}'}\n",
    ):
        validator.validate(yaml.safe_load(text))
