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
ASKS_DEMO = {"branches", "demo", "login", "mtls", "oauth2"}


def comments(path):
    """The comment that an example begins with, a line each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    count = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line[1:].strip() for line in lines[:count]]


def commands(path):
    """The commands in that comment: what starts the demo, or None, and what asks it."""
    found = [line for line in comments(path) if re.search(r"\bgatherd(-demo)? -", line)]
    starts = [line for line in found if "gatherd-demo" in line.partition(" ")[0]]
    return (starts or [None])[0], [line for line in found if line not in starts]


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
    command = command.replace("/tmp/demo", str(folder))
    command = re.sub(r"^(.*?)\bgatherd ", rf"\1{BUILD}/gatherd ", command)
    command = re.sub(r" --var shop=\S+", "", command)
    command = re.sub(r"-c (conf/)?(\S+)", rf"-c {TOP}/conf/\2 --var shop={shop}", command, 1)
    return command


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
    command = in_folder(commands(example)[1][0].partition("|")[0], shop, folder)
    command = re.sub(r" -o \S+", "", command)
    done = run_it(gatherd, " ".join([command, "-o -", *arguments]))
    assert done.returncode in (0, 1), done.stderr
    return done, Gatherd.parse(done.stdout)


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
            assert done.stdout.strip() not in ("", "null")


# What is slow or full in the others is so on purpose.
@pytest.mark.parametrize("name", ["login", "mtls", "oauth2"])
def test_it_comes_out_well(gatherd, tmp_path, name):
    example = TOP / "conf" / f"{name}.yaml"
    with demo_for(example, tmp_path) as shop:
        done, document = document_of(gatherd, example, shop, tmp_path)
    assert done.returncode == 0 and document["status"] == "ok"
    assert document["failed"] == [] and document["counts"]["ok"] == document["counts"]["total"]
    assert all(entry["warnings"] == [] for entry in document["services"].values())


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
