"""The examples in conf/: those that say they run against gatherd-demo do, as they say."""

import contextlib
import json
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, PATIENCE, TOP, Gatherctl, Gatherd

EXAMPLES = sorted((TOP / "conf").glob("*.yaml"))
DEMO = BUILD / "gatherd-demo"
DEMO_URL = "http://127.0.0.1:8799"  # where the examples have it listen
PROMPTS = {
    "chain",
    "prompts-anthropic",
    "prompts-gemini",
    "prompts-ollama",
    "prompts-openai",
    "prompts-openai-responses",
    "summary",
}
ASKS_DEMO = {"branches", "demo", "login", "metrics", "mtls", "oauth2", "page"} | PROMPTS


def comments(path):
    """The comment that an example begins with, a line each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    count = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line[1:].strip() for line in lines[:count]]


def commands(path):
    """The commands in that comment: what starts the demo, or None, and what asks it.

    What stands before the start is for the one who has a key, and asks others.
    """
    found = [line for line in comments(path) if re.search(r"\bgatherd(-demo)? -", line)]
    starts = [line for line in found if "gatherd-demo" in line.partition(" ")[0]]
    if not starts:
        return None, found
    return starts[0], found[found.index(starts[0]) + 1 :]


class Demo:
    """The demo upstream; `http` and `https` are where it listens."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.process = subprocess.Popen(
            [DEMO, "--port", "0", "--until-eof", *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.http = self._address("http")
        self.https = self._address("https") if "--certificates" in self.arguments else None
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert status == 0, errors

    def _address(self, scheme):
        line = self.process.stdout.readline()
        if not line and scheme == "https":
            if "without OpenSSL" in self.process.stderr.read():
                pytest.skip("gatherd-demo is built without https")
        assert re.fullmatch(rf"{scheme}://127\.0\.0\.1:\d+\n", line), line
        return line.strip()


@pytest.fixture
def demo():
    with Demo() as demo:
        yield demo


@contextlib.contextmanager
def demo_for(example, folder):
    """The demo as EXAMPLE has it started, and what --var shop has to be."""
    start, _ = commands(example)
    if start and "--certificates" in start:
        with Demo("--certificates", str(folder)) as demo:
            yield demo.https
    else:
        with Demo() as demo:
            yield demo.http


def in_folder(command, shop, folder):
    """What COMMAND does, in the folder of the examples, with another address of the demo."""
    command = command.replace("/tmp/demo", str(folder)).replace(DEMO_URL, shop)
    command = re.sub(r"^(.*?)\bgatherd ", rf"\1{BUILD}/gatherd ", command)
    command = re.sub(r" --var shop=\S+", "", command)
    options = rf"-c {TOP}/conf/\2 --var shop={shop}"
    return re.sub(r"-c (conf/)?(\S+)", options, command, count=1)


def run_it(gatherd, command):
    return subprocess.run(
        ["bash", "-c", "set -o pipefail\n" + command],
        cwd=gatherd.folder,
        env=gatherd.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def document_of(gatherd, example, shop, folder, *arguments):
    """Run the first command of EXAMPLE, with the document written."""
    command = in_folder(re.split(r"\||&&", commands(example)[1][0])[0], shop, folder)
    command = re.sub(r" -o \S+", "", command)
    done = run_it(gatherd, " ".join([command, "-o -", *arguments]))
    assert done.returncode in (0, 1), done.stderr
    return done, Gatherd.parse(done.stdout)


@pytest.mark.parametrize("name", sorted(name for name in PROMPTS if "-" in name))
def test_a_batch_is_what_its_comment_promises(gatherd, demo, tmp_path, name):
    """How many it works on, how many went well, all answers; and without a key none of it."""
    example = TOP / "conf" / f"{name}.yaml"
    done, document = document_of(gatherd, example, demo.http, tmp_path)
    lines = [line.split(" ", 2)[2] for line in done.stderr.splitlines()]
    most = 2 if name == "prompts-ollama" else 5
    assert lines[0] == f"processing 4 prompts (max {most} concurrent)"
    assert lines[-1] == "success: 4/4"
    prompts = document["prompts"]
    assert list(prompts) == ["quantum", "poem", "benefits", "capitals"]
    for entry in prompts.values():
        assert entry["success"] and entry["response"] and entry["usage"]["total_tokens"] > 0
    api = name.removeprefix("prompts-")
    assert document["providers"][api]["api"] == api
    assert document["providers"][api]["url"].startswith(demo.http)
    if api == "ollama":
        return
    result = gatherd.run("--once", "-c", example)
    assert result.status == 2 and "_API_KEY: the key that " in result.stderr


def test_the_chain_hands_on_what_was_said(gatherd, demo, tmp_path):
    _, document = document_of(gatherd, TOP / "conf" / "chain.yaml", demo.http, tmp_path)
    prompts = document["prompts"]
    assert "lighthouses of Brittany" in prompts["draft"]["prompt"]
    assert prompts["draft"]["response"] in prompts["critique"]["prompt"]
    assert prompts["draft"]["response"] in prompts["final"]["prompt"]
    assert prompts["critique"]["response"] in prompts["final"]["prompt"]


def test_the_summary_is_over_what_was_fetched(gatherd, demo, tmp_path):
    _, document = document_of(gatherd, TOP / "conf" / "summary.yaml", demo.http, tmp_path)
    services, prompts = document["services"], document["prompts"]
    text = prompts["summary"]["prompt"]
    blocks = re.findall(
        r"^\[data (\S+) ([0-9a-f]{16})\]\n(.*?)\n\[end of data \1 \2\]$", text, re.M | re.S
    )
    values = {path: value for path, _, value in blocks}
    assert list(values) == ["services.orders.data", "services.profile.data.name"] + [
        "services.terms.data"
    ]
    assert json.loads(values["services.orders.data"]) == services["orders"]["data"]
    assert values["services.profile.data.name"] == services["profile"]["data"]["name"]
    assert values["services.terms.data"] == services["terms"]["data"].rstrip("\n")
    assert prompts["summary"]["cost"] is not None
    assert prompts["summary"]["budget"]["unit"] == "tokens"
    assert document["providers"]["openai"]["budget"]["unit"] == "cost"
    assert prompts["triage"]["data"]["failing"] == 0 == prompts["triage"]["values"]["failing"]
    assert "- terms: ok" in prompts["triage"]["prompt"]


def test_these_are_the_ones():
    told = {path.stem for path in EXAMPLES if "gatherd-demo" in "\n".join(comments(path))}
    assert told == ASKS_DEMO


@pytest.mark.parametrize("name", sorted(ASKS_DEMO))
def test_its_commands_do_what_they_say(gatherd, tmp_path, name):
    example = TOP / "conf" / f"{name}.yaml"
    start, asks = commands(example)
    assert start or name == "demo"
    assert asks
    with demo_for(example, tmp_path) as shop:
        for command in asks:
            if "jq" in command and not shutil.which("jq"):
                pytest.skip("there is no jq")
            done = run_it(gatherd, in_folder(command, shop, tmp_path))
            assert done.returncode == (1 if name == "demo" else 0), done.stderr
            # What the demo writes, it writes into its files.
            told = done.stdout or (gatherd.folder / "status.json").read_text()
            assert told.strip() not in ("", "null")


# What is slow or full in the others is so on purpose.
@pytest.mark.parametrize("name", ["login", "mtls", "oauth2", "page", *sorted(PROMPTS)])
def test_it_comes_out_well(gatherd, tmp_path, name):
    example = TOP / "conf" / f"{name}.yaml"
    with demo_for(example, tmp_path) as shop:
        done, document = document_of(gatherd, example, shop, tmp_path)
    assert done.returncode == 0 and document["status"] == "ok"
    assert document["failed"] == [] and document["counts"]["ok"] == document["counts"]["total"]
    entries = [*document["services"].values(), *document["prompts"].values()]
    assert entries and all(entry["warnings"] == [] for entry in entries)


def test_the_demo_is_as_slow_and_as_ill_as_it_says(gatherd, demo):
    path = TOP / "conf" / "demo.yaml"
    documents = gatherd.run(
        "--rounds", 2, "-c", path, "--var", f"shop={demo.http}", "-o", "-"
    ).documents
    found = [
        {name: entry["status"] for name, entry in document["services"].items()}
        for document in documents
    ]
    well = {"profile": "ok", "orders": "ok", "payments": "timeout", "terms": "ok"}
    assert found == [{**well, "reviews": "http_error"}, {**well, "reviews": "ok"}]
    assert documents[0]["services"]["terms"]["data"] == "Café Gather, 9-17 h\n"


def test_the_login_shows_no_token(gatherd, demo, tmp_path):
    done, document = document_of(gatherd, TOP / "conf" / "login.yaml", demo.http, tmp_path)
    services = document["services"]
    assert services["login"]["values"] == {"token": "***", "user_id": 42}
    assert services["login"]["data"] is None
    assert services["account"]["values"] == {"balance": 12.5}
    assert services["account"]["url"].endswith("/account?user=42")
    assert "demo-login" not in done.stdout + done.stderr
    assert "lovelace" not in done.stdout + done.stderr


def test_a_wrong_password_skips_whoever_needs_the_token(gatherd, demo):
    result = gatherd.run(
        *["--once", "-c", TOP / "conf" / "login.yaml", "--var", f"shop={demo.http}", "-o", "-"],
        env={"SHOP_PASSWORD": "byron-was-here"},
    )
    assert result.status == 1
    services = result.document["services"]
    assert services["login"]["http_status"] == 401
    for name in ("account", "profile"):
        assert services[name]["status"] == "skipped"
        assert "login" in services[name]["error"]["message"]
    assert "byron" not in result.stdout + result.stderr


@pytest.mark.parametrize("name", ["login", "oauth2"])
def test_a_secret_that_is_missing_is_told(gatherd, name):
    result = gatherd.run("--once", "-c", TOP / "conf" / f"{name}.yaml")
    assert result.status == 2
    assert "the demo takes" in result.stderr


def test_the_clients_certificate_is_demanded(gatherd, tmp_path):
    text = (TOP / "conf" / "mtls.yaml").read_text(encoding="utf-8")
    config = re.sub(r"\n    (cert|key): .*", "", text)
    assert config.count("pem") == 1 + comments(TOP / "conf" / "mtls.yaml").count("pem")
    with Demo("--certificates", str(tmp_path)) as demo:
        result = gatherd.once(
            config, "--var", f"shop={demo.https}", env={"CERTIFICATES": str(tmp_path)}
        )
    assert result.status == 1
    for entry in result.document["services"].values():
        # By TLS 1.3 the server may hang up before its reason is read.
        assert entry["error"]["kind"] in ("tls", "protocol")
        assert "client certificate" in entry["error"]["message"]


# Where each is written, beside the document.
WRITTEN = {
    "demo": {"page": "status.html", "metrics": "status.prom"},
    "metrics": {"metrics": "gatherd.prom"},
    "page": {"page": "status.html"},
}


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_it_is_seen_from_outside(gatherd, demo, name):
    path = TOP / "conf" / f"{name}.yaml"
    result = gatherd.run("--once", "-c", path, "--var", f"shop={demo.http}")
    assert result.status in (0, 1), result.stderr
    document = json.loads((gatherd.folder / "status.json").read_text())
    written = {file.name for file in gatherd.folder.iterdir()}
    assert written == {"status.json", *WRITTEN[name].values()}
    for kind, file in WRITTEN[name].items():
        text = (gatherd.folder / file).read_text()
        for target in [*document["services"], *document["prompts"]]:
            assert (f'target="{target}"' if kind == "metrics" else f'"{target}"') in text
    # More targets than there may be histograms of.
    if name == "metrics":
        assert "gatherd_target_attempts_total{" in text and "_bucket{target=" not in text
        assert re.search(r'^gatherd_target_value\{target="orders",.*name="queue"\} 12$', text, re.M)


def test_the_branches_are_two_hundred(gatherd, demo, tmp_path):
    _, document = document_of(gatherd, TOP / "conf" / "branches.yaml", demo.http, tmp_path)
    names = list(document["services"])
    assert len(names) == 200 and names[:2] == ["north-1", "north-2"] and names[-1] == "centre-40"
    for entry in document["services"].values():
        assert entry["group"] == "branches" and entry["data"] is None
        assert entry["status"] == ("ok" if entry["values"]["queue"] <= 95 else "degraded")
    assert document["failed"] == [] and document["outcome"] == "complete"


def test_the_status_of_it_is_shown(gatherd, demo, tmp_path):
    """As scripts/quickstart does with the demo."""
    path = TOP / "conf" / "demo.yaml"
    output = tmp_path / "status.json"
    gatherd.run("--once", "-c", path, "--var", f"shop={demo.http}", "-o", output)
    shown = Gatherctl(tmp_path).run("status", "-f", output)
    assert all(name in shown.stdout for name in json.loads(output.read_text())["services"])
