"""A small Debian under a real systemd, in a container of systemd-nspawn(1).

Its root is made once by mmdebstrap(1), from where this system gets its own packages, and
kept in the user's cache folder. A machine is that root, what `make install` puts there and
a layer in memory for all that is written: it begins anew each time, and costs a second.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Longer than anything takes here: who waits so long waits in vain.
PATIENCE = 30

# Beside the libraries that gatherd is linked to: the units need kill(1).
PACKAGES = ["systemd", "procps"]

# Before anything else in a mount namespace of its own: a system with version 1 of control
# groups keeps version 2, which the container needs, out of the way.
OWN_CGROUP = """
set -eu
if ! test -e /sys/fs/cgroup/cgroup.procs; then
    umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
cgroup=/sys/fs/cgroup/$1
shift
"""

BEGIN = (
    OWN_CGROUP
    + """
mkdir "$cgroup"
echo $$ >"$cgroup/cgroup.procs"
layers=$1 folder=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay overlay "$folder/root" \
    -o "lowerdir=$layers,upperdir=$folder/upper,workdir=$folder/work"
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe \
    --machine=gatherd-test -D "$folder/root" "$@"
"""
)

END = (
    OWN_CGROUP
    + """
test -d "$cgroup" || exit 0
echo 1 >"$cgroup/cgroup.kill"
until grep -q 'populated 0' "$cgroup/cgroup.events"; do sleep 0.02; done
find "$cgroup" -depth -type d -exec rmdir {} +
"""
)

CLONE_NEWNET = 0x40000000


class Unusable(Exception):
    """What the machine needs is not to be had here, and the reason."""


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unusable(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


# ---- the root ----


def libraries_of(program):
    """The packages of the libraries that PROGRAM is linked to."""
    packages = set()
    for line in output_of("ldd", str(program)).splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path is None:
            continue
        # dpkg knows a file by the path in its package, before or after /usr was merged.
        names = {path, os.path.realpath(path)}
        names |= {"/usr" + name for name in names} | {
            name.removeprefix("/usr") for name in names
        }
        told = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True)
        packages |= {line.split(":")[0] for line in told.stdout.splitlines()}
    return sorted(packages)


def sources(distribution):
    """Where apt gets the packages of the DISTRIBUTION: lines of sources.list(5)."""
    form = "$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    told = output_of("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    lines = (line.partition("|") for line in told.splitlines())
    return [line for origin, _, line in lines if origin.lower() == distribution]


def apt_options():
    """How apt is told to get at them, as through a proxy."""
    names = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    told = output_of("apt-config", "dump", "--no-empty", "Acquire")
    return [line for line in told.splitlines() if line.startswith(names)]


def make_root(folder, packages):
    release = platform.freedesktop_os_release()
    command = ["mmdebstrap", "--quiet", "--variant=essential"]
    command += [f"--aptopt={option}" for option in apt_options()]
    # A root that a crash spoils is made again.
    command += ["--dpkgopt=force-unsafe-io", "--include=" + ",".join(packages)]
    for path in ("doc", "info", "locale", "man"):
        command.append(f"--dpkgopt=path-exclude=/usr/share/{path}/*")
    command += [release["VERSION_CODENAME"], str(folder), *sources(release["ID"])]
    output_of(*command)


def cached_root(program):
    """The folder of a root in which PROGRAM can run. It is not to be written to."""
    try:
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        for tool in ("dpkg-query", "mmdebstrap", "systemd-nspawn"):
            output_of(tool, "--version")
    except (KeyError, OSError) as error:
        raise Unusable(f"no Debian with what it takes: {error}") from error
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    cache = pathlib.Path(cache) / "gatherd-tests"
    cache.mkdir(parents=True, exist_ok=True)
    root, made_of = cache / suite, cache / f"{suite}.packages"
    packages = PACKAGES + libraries_of(program)
    # With the versions here: a program linked to newer libraries needs those.
    wanted = output_of("dpkg-query", "-W", *packages)
    with open(cache / f"{suite}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made_of.exists() or made_of.read_text() != wanted:
            made_of.unlink(missing_ok=True)
            shutil.rmtree(root, ignore_errors=True)
            make_root(root, packages)
            made_of.write_text(wanted)
    return root


# ---- the machine ----


class Machine:
    """Use as a context manager: a booted system of ROOT with INSTALLED above it."""

    def __init__(self, root, installed):
        self._layers = f"{installed}:{root}"
        self._cgroup = f"gatherd-test-{os.getpid()}"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._folder = pathlib.Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="gatherd-machine-"))
            )
            (self._folder / "layer").mkdir()
            # Even an attempt that failed half-way may have left its control group.
            stack.callback(self._in_namespace, END)
            self._try()
            self._boot()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()
        self._process.wait()

    def _in_namespace(self, script, *arguments, **keywords):
        command = ["unshare", "-m", "sh", "-c", script, "sh", self._cgroup, *arguments]
        return subprocess.run(command, capture_output=True, text=True, **keywords)

    def _begin(self, *arguments):
        return [self._layers, str(self._folder / "layer"), *arguments]

    def _try(self):
        """See whether a container works here at all."""
        done = self._in_namespace(BEGIN, *self._begin("/bin/true"))
        if done.returncode != 0:
            raise Unusable(f"no container: {done.stderr.strip()}")
        self._in_namespace(END, check=True)

    def _boot(self):
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with told, open(self._folder / "console", "wb") as console:
            told.bind(str(self._folder / "notify"))
            told.settimeout(PATIENCE)
            arguments = self._begin("--notify-ready=yes", "--boot")
            command = ["unshare", "-m", "sh", "-c", BEGIN, "sh", self._cgroup, *arguments]
            self._process = subprocess.Popen(
                # Nor does it outlive tests that are killed.
                ["setpriv", "--pdeathsig", "TERM", *command],
                env={**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
            said = {}
            try:
                while "READY" not in said or "X_NSPAWN_LEADER_PID" not in said:
                    lines = told.recv(4096).decode().splitlines()
                    said.update(line.split("=", 1) for line in lines)
            except TimeoutError:
                raise RuntimeError((self._folder / "console").read_text()) from None
        self._leader = int(said["X_NSPAWN_LEADER_PID"])

    def run(self, *command, check=True, mounts_of=None):
        """Run COMMAND as root of the machine, in the file systems of the process MOUNTS_OF
        where that is given, and return the finished process."""
        enter = ["nsenter", "-t", str(self._leader), "-a"]
        if mounts_of is not None:
            enter += ["nsenter", "-t", str(mounts_of), "-m"]
        return subprocess.run(
            [*enter, *command],
            capture_output=True,
            text=True,
            check=check,
            timeout=PATIENCE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER": ""},
        )

    def path(self, path):
        """Where the file PATH of the machine is for us."""
        return pathlib.Path(f"/proc/{self._leader}/root") / path.lstrip("/")

    def write(self, path, text, mode=0o644):
        """Write a file, which then belongs to root."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    @contextlib.contextmanager
    def network(self):
        """What listens within it listens on the machine's own loopback."""
        setns = ctypes.CDLL(None, use_errno=True).setns
        with open("/proc/self/ns/net") as ours:
            with open(f"/proc/{self._leader}/ns/net") as theirs:
                assert setns(theirs.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert setns(ours.fileno(), CLONE_NEWNET) == 0


def until(condition, what):
    """Wait until CONDITION() is true, and return what it returned."""
    end = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.02)


class Unit:
    """A unit of gatherd on the machine: NAME is a gatherd.service without the suffix, such
    as gatherd or gatherd@shop."""

    def __init__(self, machine, name):
        self.machine = machine
        self.name = name + ".service"
        stem = name.replace("once@", "@").replace("-@", "@")
        self.instance = stem.partition("@")[2] or "gatherd"
        self.state = "/var/lib/" + stem.replace("@", "-")
        self.runtime = "/run/" + stem.replace("@", "-")

    def configure(self, config):
        """Write its config, as JSON, which is YAML."""
        self.machine.write(f"/etc/gatherd/{self.instance}.yaml", json.dumps(config))

    def drop_in(self, text, section="Service"):
        path = f"/etc/systemd/system/{self.name}.d/test.conf"
        self.machine.write(path, f"[{section}]\n{text}\n")
        self.machine.run("systemctl", "daemon-reload")

    def systemctl(self, verb, *arguments, check=True):
        return self.machine.run("systemctl", verb, *arguments, self.name, check=check)

    def show(self, name):
        return self.systemctl("show", "-P", name).stdout.removesuffix("\n")

    def until(self, name, value):
        """Wait until the property NAME is VALUE."""
        until(lambda: self.show(name) == value, f"{name} of {self.name} is {value}")

    @property
    def pid(self):
        """Its main process, as the machine counts them."""
        return int(self.show("MainPID"))

    def kill(self, number):
        self.systemctl("kill", "--kill-whom=main", f"--signal={signal.Signals(number).name}")

    @property
    def document(self):
        return json.loads(self.machine.path(f"{self.state}/status.json").read_text())

    def until_document(self, condition, what):
        """Wait for a document with CONDITION(document), and return it."""

        def found():
            try:
                document = self.document
            except FileNotFoundError:
                return None
            return document if condition(document) else None

        return until(found, what)

    def journal(self):
        """(priority, text) of each line that it logged."""
        told = self.machine.run("journalctl", "-u", self.name, "-o", "json", "--no-pager")
        entries = map(json.loads, told.stdout.splitlines())
        return [
            (int(entry["PRIORITY"]), entry["MESSAGE"])
            for entry in entries
            if entry.get("_COMM") == "gatherd"
        ]

    def until_logged(self, priority, text):
        """Wait for a line with TEXT in it, which must have the PRIORITY."""
        found = until(
            lambda: [line for line in self.journal() if text in line[1]],
            f"{self.name} logs {text!r}",
        )
        assert {line[0] for line in found} == {priority}, found
        return found


# ---- what most of them run ----


def config(upstream, interval="200ms", **paths):
    """A config of services, each given by what the upstream is asked."""
    return {
        "interval": interval,
        "timeout": "2s",
        "services": {name: upstream.url + path for name, path in paths.items()},
    }


def begin(unit, config):
    """Start UNIT and return its first document."""
    unit.configure(config)
    unit.systemctl("start")
    return unit.until_document(
        lambda document: not document["counts"]["pending"], "a first document"
    )
