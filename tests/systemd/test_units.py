"""The installed units under a real systemd: what an administrator relies on."""

import os
import re
import signal
import stat
import time

import pytest

from machine import PATIENCE, Unit, begin, config, until

SECRET = "a-key-that-nobody-sees-0123456789"


# ---- start and stop ----


def test_the_user_is_a_system_user_that_cannot_log_in(machine):
    name, _, uid, _, _, home, shell = (
        machine.run("getent", "passwd", "gatherd").stdout.strip().split(":")
    )
    assert (name, home, os.path.basename(shell)) == ("gatherd", "/", "nologin")
    assert 0 < int(uid) < 1000


def test_the_installed_config_starts(machine):
    """With no services: what is there after an installation is right as it is."""
    unit = Unit(machine, "gatherd")
    unit.systemctl("start")
    try:
        assert unit.show("ActiveState") == "active"
        assert unit.show("WatchdogUSec") == "1min"
        document = unit.until_document(lambda document: True, "a document")
        assert document["counts"]["total"] == 0
        assert machine.path("/var/lib/gatherd/status.json").exists()
    finally:
        unit.systemctl("stop")


def test_a_start_is_over_when_it_is_ready(machine, upstream, unit):
    """The config comes through a FIFO: until it is there, nothing is ready."""
    fifo = f"/run/{unit.instance}.fifo"
    machine.run("mkfifo", "-m", "644", fifo)
    unit.configure({"vars": {"late": "${file:" + fifo + "}"}, "services": {}})
    unit.systemctl("start", "--no-block")
    unit.until("SubState", "start")
    until(lambda: unit.pid, "a main process")
    # Opens once the daemon reads, which has therefore not said that it is ready.
    with open(machine.path(fifo), "w") as late:
        assert unit.show("ActiveState") == "activating"
        late.write("now")
    unit.until("ActiveState", "active")


def test_a_config_with_faults_is_not_started_again_and_again(machine, unit):
    unit.configure({"intervall": "1s", "services": {}})
    assert unit.systemctl("start", check=False).returncode != 0
    assert unit.show("ActiveState") == "failed"
    assert (unit.show("ExecMainStatus"), unit.show("NRestarts")) == ("2", "0")
    (line,) = unit.until_logged(3, "intervall")
    assert line[1].startswith(f"/etc/gatherd/{unit.instance}.yaml:1:")


def test_an_output_that_cannot_be_written_is_tried_again(machine, upstream, unit):
    """It may be a disk that comes late."""
    folder = f"/srv/{unit.instance}"
    machine.run("mkdir", folder)
    unit.drop_in(f"ReadWritePaths={folder}")
    unit.configure(
        {**config(upstream, good="/ok"), "output": {"file": f"{folder}/status.json"}}
    )
    assert unit.systemctl("start", check=False).returncode != 0
    assert unit.show("ExecMainStatus") == "3"
    machine.run("chown", "gatherd:", folder)
    unit.until("ActiveState", "active")
    until(machine.path(f"{folder}/status.json").exists, "a document")


def test_it_stops_within_a_second_while_it_waits(upstream, unit):
    unit.configure({**config(upstream, patient="/hang"), "timeout": "1m"})
    unit.systemctl("start")
    upstream.wait_for(lambda upstream: upstream.asked.get("/hang"))
    begun = time.monotonic()
    unit.systemctl("stop")
    assert time.monotonic() - begun < 1.5  # with what systemctl itself takes
    assert (unit.show("ActiveState"), unit.show("Result")) == ("inactive", "success")
    assert unit.show("ExecMainStatus") == "0"


# ---- what it tells ----


def test_systemctl_status_shows_the_round(upstream, unit):
    begin(unit, config(upstream, good="/ok", bad="/status/503"))
    pattern = r"dashboard incomplete \(1 of 2 ok in \d+ ms\); failed services: bad"
    until(lambda: re.fullmatch(pattern, unit.show("StatusText")), "the round's line")


def test_the_journal_knows_what_is_how_important(upstream, unit):
    begin(unit, config(upstream, good="/ok", bad="/status/503"))
    unit.until_logged(6, "[good] responded with 200 in ")
    unit.until_logged(4, "[bad] returned HTTP 503")
    unit.until_logged(4, "dashboard incomplete (1 of 2 ok in ")
    assert not [line for line in unit.journal() if re.match(r"<\d>", line[1])]


def test_everybody_can_read_the_document(machine, upstream, unit):
    begin(unit, config(upstream, good="/ok"))
    read = ["runuser", "-u", "nobody", "--", "cat", f"{unit.state}/status.json"]
    assert '"good"' in machine.run(*read).stdout
    for folder in (unit.state, unit.runtime):
        assert stat.S_IMODE(machine.path(folder).stat().st_mode) == 0o755


# ---- secrets ----


def test_credentials_and_environment_arrive_and_stay_secret(machine, upstream, unit):
    folder = "/etc/gatherd"
    machine.write(f"{folder}/api.key", SECRET + "\n", 0o600)
    machine.write(f"{folder}/{unit.instance}.env", f"TOKEN={SECRET[::-1]}\n", 0o600)
    unit.drop_in(f"LoadCredential=api_key:{folder}/api.key")
    headers = {"X-Key": "${credential:api_key}", "X-Token": "${TOKEN}"}
    unit.configure(
        {"services": {"echo": {"url": f"{upstream.url}/echo/secrets", "headers": headers}}}
    )
    unit.systemctl("start")
    document = unit.until_document(lambda it: it["counts"]["ok"], "an answer")
    (request,) = upstream.asked_for("/echo/secrets")
    assert request.header("X-Key") == SECRET
    assert request.header("X-Token") == SECRET[::-1]
    assert ["X-Key", "***"] in document["services"]["echo"]["data"]["headers"]
    unit.systemctl("stop")
    seen = machine.run("journalctl", "-u", unit.name, "-o", "export").stdout
    seen += machine.path(f"{unit.state}/status.json").read_text()
    assert unit.name in seen and SECRET not in seen and SECRET[::-1] not in seen


# ---- reload ----


def test_a_good_config_is_reloaded(upstream, unit):
    begin(unit, config(upstream, old="/ok"))
    before, pid = unit.document, unit.pid
    unit.configure(config(upstream, old="/ok", new="/echo"))
    unit.systemctl("reload")
    after = unit.until_document(
        lambda document: document["services"].get("new", {}).get("status") == "ok",
        "the new service",
    )
    assert after["generation"] > before["generation"]
    assert after["services"]["old"]["since"] == before["services"]["old"]["since"]
    unit.until("ActiveState", "active")
    assert unit.pid == pid
    unit.until_logged(6, "[new] added")


def test_a_broken_config_changes_nothing_but_the_log(machine, upstream, unit):
    begin(unit, config(upstream, old="/ok"))
    pid = unit.pid
    file = f"/etc/gatherd/{unit.instance}.yaml"
    machine.write(file, "interval: soon\nservices:\n  new: nowhere\n")
    unit.systemctl("reload")
    unit.until_logged(3, f"{file}:1:11: error: ")
    unit.until_logged(3, f"{file}:3:8: error: ")
    until(lambda: f"{file}:1:11: error: " in unit.show("StatusText"), "the fault")
    unit.until("ActiveState", "active")
    generation = unit.document["generation"]
    later = unit.until_document(lambda it: it["generation"] > generation, "a round")
    assert list(later["services"]) == ["old"] and unit.pid == pid
    # Until it is right again.
    unit.configure(config(upstream, old="/ok", new="/ok"))
    unit.systemctl("reload")
    unit.until_document(lambda it: "new" in it["services"], "the new service")
    until(lambda: "error" not in unit.show("StatusText"), "a status without a fault")


# ---- restart ----


def has_gone_on(before):
    """Whether a document is of another start than BEFORE, with what that knew."""

    def check(after):
        old, new = before["services"]["bad"], after["services"]["bad"]
        return (
            after["generation"] > before["generation"]
            and after["round"]["number"] > before["round"]["number"]
            and new["since"] == old["since"]
            and new["failures"] > old["failures"]
            and after["services"]["good"]["since"] == before["services"]["good"]["since"]
        )

    return check


def begin_to_fail(unit, config):
    begin(unit, config)
    return unit.until_document(
        lambda document: document["services"]["bad"]["failures"] >= 3, "failures"
    )


def until_restarted(unit, pid):
    until(lambda: unit.pid not in (0, pid), f"{unit.name} runs again")
    unit.until("ActiveState", "active")
    assert unit.show("NRestarts") == "1"


def test_a_kill_costs_nothing_but_a_second(upstream, unit):
    begin_to_fail(unit, config(upstream, good="/ok", bad="/status/500"))
    pid = unit.pid
    unit.kill(signal.SIGKILL)
    until(lambda: unit.pid != pid, "its end")
    before = unit.document
    until_restarted(unit, pid)
    unit.until_document(has_gone_on(before), "a document that goes on")


def test_a_process_that_hangs_is_replaced(upstream, unit):
    unit.drop_in("WatchdogSec=1s")
    begin_to_fail(unit, config(upstream, good="/ok", bad="/status/500"))
    pid = unit.pid
    unit.kill(signal.SIGSTOP)
    until(lambda: unit.pid != pid, "its end")
    before = unit.document
    until_restarted(unit, pid)
    unit.until_document(has_gone_on(before), "a document that goes on")
    told = unit.machine.run("journalctl", "-u", unit.name, "--no-pager").stdout
    assert "Watchdog timeout (limit 1s)" in told


def test_a_process_that_works_gives_signs_of_life(upstream, unit):
    unit.drop_in("WatchdogSec=300ms")
    begin(unit, config(upstream, good="/ok", slow="/hang"))
    pid, generation = unit.pid, unit.document["generation"]
    unit.until_document(lambda it: it["generation"] > generation + 8, "rounds")
    assert (unit.pid, unit.show("NRestarts")) == (pid, "0")


def test_a_document_in_run_goes_on_after_a_stop(machine, upstream, unit):
    """A stop and a start, as an upgrade of the package does it."""
    file = f"{unit.runtime}/status.json"
    unit.state = unit.runtime
    kept = {**config(upstream, good="/ok", bad="/status/500"), "output": {"file": file}}
    begin_to_fail(unit, kept)
    unit.systemctl("stop")
    before = unit.document
    assert os.listdir(machine.path(unit.runtime)) == ["status.json"]
    unit.systemctl("start")
    unit.until_document(has_gone_on(before), "a document that goes on")


# ---- instances and the timer ----


def test_instances_do_not_know_each_other(machine, upstream):
    units = [Unit(machine, f"gatherd@{name}") for name in ("a", "b")]
    for unit in units:
        unit.configure(config(upstream, **{f"of-{unit.instance}": "/ok"}))
    machine.run("systemctl", "start", *(unit.name for unit in units))
    for unit in units:
        document = unit.until_document(lambda it: it["counts"]["ok"], "an answer")
        assert list(document["services"]) == [f"of-{unit.instance}"]
        assert machine.path(f"/run/gatherd-{unit.instance}").is_dir()
        assert unit.state == f"/var/lib/gatherd-{unit.instance}"
    units[0].systemctl("stop")
    assert units[1].show("ActiveState") == "active"
    units[1].systemctl("stop")


def test_the_timer_gathers_once_each_time(machine, upstream):
    unit = Unit(machine, "gatherd-once@timed")
    timer = "gatherd-once@timed.timer"
    unit.configure(config(upstream, good="/ok", bad="/status/503"))
    machine.write(
        f"/etc/systemd/system/{timer}.d/test.conf",
        "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nAccuracySec=1ms\n",
    )
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", timer)
    asked = upstream.asked.get("/status/503", 0)
    upstream.wait_for(lambda it: it.asked.get("/status/503", 0) >= asked + 2, PATIENCE)
    machine.run("systemctl", "stop", timer)
    unit.until("ActiveState", "inactive")
    # Not "failed": that a service is not ok is in the document, the unit has done its work.
    assert unit.document["failed"] == ["bad"]
    unit.until_logged(4, "[bad] returned HTTP 503")
    assert not [line for line in unit.journal() if "[good]" in line[1]]


# ---- what it may do ----


@pytest.fixture
def begun(upstream, unit):
    begin(unit, config(upstream, good="/ok"))
    return unit


def test_nothing_else_can_be_written_to(machine, begun):
    """Looked at by its user, among the files as its process sees them."""
    # Whatever is free for all, and what other instances own.
    for folder in ("/etc", "/home", "/opt", "/run", "/srv", "/tmp", "/usr", "/var"):
        machine.run("install", "-d", "-m", "777", f"{folder}/free-for-all")
    for folder in ("/run", "/var/lib"):
        machine.run("install", "-d", "-o", "gatherd", f"{folder}/gatherd-of-another")
    user = ["setpriv", "--reuid=gatherd", "--regid=gatherd", "--clear-groups"]
    user += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    find = ["find", "/", "-path", "/proc", "-prune", "-o"]
    find += ["(", "-type", "d", "-o", "-type", "f", ")", "-writable", "-print"]
    seen = machine.run(*user, *find, mounts_of=begun.pid, check=False).stdout.splitlines()
    assert f"{begun.state}/status.json" in seen
    allowed = {
        begun.state,
        f"{begun.state}/status.json",
        begun.runtime,
        # Its own, of which nobody else sees anything.
        "/tmp",
        "/var/tmp",
    }
    assert set(seen) <= allowed, set(seen) - allowed


def test_its_process_has_no_privileges(machine, begun):
    text = machine.path(f"/proc/{begun.pid}/status").read_text()
    status = dict(line.split(":\t", 1) for line in text.splitlines())
    uid = machine.run("id", "-u", "gatherd").stdout.strip()
    assert set(status["Uid"].split()) == {uid}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"
    # The container has filters of its own, for everybody.
    first = machine.path("/proc/1/status").read_text()
    filters = int(re.search(r"^Seccomp_filters:\t(\d+)", first, re.MULTILINE)[1])
    assert int(status["Seccomp_filters"]) > filters
    limits = machine.path(f"/proc/{begun.pid}/limits").read_text()
    # As many as the machine allows, where that is less than the unit wants.
    assert re.search(r"^Max open files +(\d{4,}) +\1 ", limits, re.MULTILINE)
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
