"""What the whole-program tests share: the built programs, an upstream, a folder."""

import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

import pytest

from helpers_document import parse_document, parse_documents
from upstream import BadPorts, Upstream

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATHERD_BUILD", TOP / "build")).resolve()

# A hang is a failure of its own; programs under sanitizers on a busy machine are slow.
PATIENCE = 60


try:
    socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    has_ipv6 = True
except OSError:
    has_ipv6 = False


def is_sanitized(program):
    return program.exists() and b"__asan_init" in program.read_bytes()


class Result:
    """What a run of a program came to."""

    def __init__(self, process, stdout, stderr, seconds, parse):
        self.status = process.returncode
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds
        self._parse = parse

    @property
    def document(self):
        assert self.stdout, f"no document:\n{self.stderr}"
        return self._parse(self.stdout)

    @property
    def documents(self):
        """What was written to standard output, a document a round."""
        return parse_documents(self.stdout)


class Gatherd:
    """Runs the built gatherd in a folder of its own."""

    program = BUILD / "gatherd"
    parse = staticmethod(parse_document)  # what it writes to standard output
    sanitized = is_sanitized(program)

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.lower().endswith("_proxy") and key not in ("STATE_DIRECTORY",)
        }
        # A fault found by a sanitizer must not look like one of gatherd's exit statuses;
        # and what a test preloads may well come before the sanitizer.
        self.environment["ASAN_OPTIONS"] = (
            "exitcode=99:detect_leaks=1:verify_asan_link_order=0"
        )
        self.environment["UBSAN_OPTIONS"] = "print_stacktrace=1:exitcode=99"

    def config(self, text, name="gatherd.yaml"):
        """Write TEXT, or what is no text as JSON (which is YAML), as a config file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(text, str):
            text = json.dumps(text, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *arguments, env=None, under=(), **keywords):
        """Start it and return the process, whose output is piped. UNDER is a command that
        starts it, such as prlimit(1)."""
        environment = {**self.environment, **(env or {})}
        keywords.setdefault("stdout", subprocess.PIPE)
        keywords.setdefault("stderr", subprocess.PIPE)
        keywords.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [*under, str(self.program), *map(str, arguments)],
            cwd=self.folder,
            env=environment,
            text=True,
            **keywords,
        )

    def run(self, *arguments, config=None, input=None, **keywords):
        """Run it to its end. CONFIG is written and handed over with -c."""
        if config is not None:
            arguments = ("-c", self.config(config), *arguments)
        if input is not None:
            keywords["stdin"] = subprocess.PIPE
        begun = time.monotonic()
        process = self.start(*arguments, **keywords)
        try:
            stdout, stderr = process.communicate(input, timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode != 99, f"a sanitizer complains:\n{stderr}"
        seconds = time.monotonic() - begun
        return Result(process, stdout, stderr, seconds, self.parse)

    def once(self, config, *arguments, **keywords):
        """One round of CONFIG with the document on standard output."""
        return self.run("--once", "-o", "-", *arguments, config=config, **keywords)


class Gatherctl(Gatherd):
    program = BUILD / "gatherctl"
    parse = staticmethod(json.loads)


@pytest.fixture
def gatherd(tmp_path):
    return Gatherd(tmp_path)


@pytest.fixture
def gatherctl(tmp_path):
    return Gatherctl(tmp_path)


@pytest.fixture
def upstream():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def bad_ports():
    with BadPorts() as bad_ports:
        yield bad_ports


@pytest.fixture(scope="session")
def slack():
    """What times may be longer by, as a factor: sanitizers slow everything down."""
    return 4 if Gatherd.sanitized else 1


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    """A function to the environment in which preload.c stands before the C library."""
    library = tmp_path_factory.mktemp("preload") / "preload.so"
    source = pathlib.Path(__file__).with_name("preload.c")
    subprocess.run(
        [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", str(library)]
        + [str(source), "-ldl"],
        check=True,
    )

    def environment(authorities="", slow_ms=6000, lookups="/dev/null", stuck="/dev/null"):
        return {
            "LD_PRELOAD": str(library),
            "PRELOAD_STUCK": str(stuck),
            "PRELOAD_SLOW_MS": str(slow_ms),
            "PRELOAD_LOOKUPS": str(lookups),
            "PRELOAD_AUTHORITIES": str(authorities),
            "PRELOAD_SYSTEM_AUTHORITIES": system_authorities(),
        }

    return environment


def system_authorities():
    """The file of certificate authorities that libcurl was built to read."""
    told = subprocess.run(["curl-config", "--ca"], capture_output=True, text=True)
    return told.stdout.strip() or ssl.get_default_verify_paths().cafile


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate, and its key: nobody has reason to trust it."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    openssl(
        *["req", "-x509", *NEW_KEY, "-days", 30, "-subj", "/CN=wrong.example"],
        *["-keyout", key, "-out", certificate],
    )
    return certificate, key


class Authority:
    """A certificate authority that a test can have gatherd trust (see preload.c)."""

    def __init__(self, folder):
        self.folder = folder
        self.certificate = folder / "authority.pem"
        self.key = folder / "authority.key"
        openssl(
            *["req", "-x509", *NEW_KEY, "-days", 30, "-subj", "/CN=A Test's Authority"],
            *["-keyout", self.key, "-out", self.certificate],
        )
        (folder / "database").touch()
        (folder / "authority.conf").write_text(
            "[ca]\ndefault_ca = it\n"
            f"[it]\ndatabase = {folder}/database\nnew_certs_dir = {folder}\n"
            "default_md = sha256\npolicy = all\nunique_subject = no\n"
            "copy_extensions = copy\nrand_serial = yes\n"
            "[all]\ncommonName = supplied\n"
        )

    def issue(self, names, begin="20200101000000Z", end="20991231235959Z"):
        """A certificate for NAMES, as "DNS:localhost,IP:127.0.0.1", and its key."""
        stem = str(len(list(self.folder.iterdir())))
        certificate, key, request = (
            self.folder / f"{stem}.{kind}" for kind in ("pem", "key", "csr")
        )
        openssl(
            *["req", "-new", *NEW_KEY, "-subj", "/CN=a server"],
            *["-addext", f"subjectAltName={names}", "-keyout", key, "-out", request],
        )
        openssl(
            *["ca", "-batch", "-config", self.folder / "authority.conf", "-notext"],
            *["-cert", self.certificate, "-keyfile", self.key],
            *["-startdate", begin, "-enddate", end, "-in", request, "-out", certificate],
        )
        return certificate, key


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority):
    """An upstream with TLS, to be trusted under preload(authority.certificate)."""
    with Upstream(tls=authority.issue("IP:127.0.0.1")) as trusted:
        yield trusted
