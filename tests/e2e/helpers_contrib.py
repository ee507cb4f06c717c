"""The examples of contrib/ at work: in a folder and at a port of the test's."""

import re

from conftest import TOP
from helpers_tools import Tool

CONTRIB = TOP / "contrib"
PUBLISHED = "/var/lib/gatherd"
LISTENER = "/run/gatherd/http.sock"


def adapted(name, *changes):
    """The example, with (TEXT, WHAT STANDS FOR IT) for what is different in a test."""
    text = (CONTRIB / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not in contrib/{name}"
        text = text.replace(old, new)
    return text


class Nginx(Tool):
    """nginx as in contrib/nginx.conf; LISTENER is unix:PATH or 127.0.0.1:PORT."""

    def __init__(self, folder, published=PUBLISHED, listener="unix:" + LISTENER):
        super().__init__("nginx", folder)
        servers = adapted(
            "nginx.conf",
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            (f"root {PUBLISHED};", f"root {published};"),
            (f"server unix:{LISTENER};", f"server {listener};"),
        )
        (folder / "servers.conf").write_text(servers)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        # Without `user`, whoever is root would become one who may not read the folder.
        (folder / "nginx.conf").write_text(
            f"user root;\ndaemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\n"
            "error_log stderr;\nevents {}\n"
            f"http {{\n    access_log off;\n{paths}    include {folder}/servers.conf;\n}}\n"
        )

    def command(self):
        config = self.folder / "nginx.conf"
        return [self.program, "-e", "stderr", "-p", self.folder, "-c", config]


class Caddy(Tool):
    """Caddy as in contrib/Caddyfile, likewise; without certificates."""

    def __init__(self, folder, published=PUBLISHED, listener="unix:" + LISTENER):
        super().__init__("caddy", folder)
        listens = f":{self.port} {{\n\tbind 127.0.0.1\n"
        sites = adapted(
            "Caddyfile",
            ("files.example.com {\n", "http://files.example.com" + listens),
            ("status.example.com {\n", "http://status.example.com" + listens),
            (f"root * {PUBLISHED}\n", f"root * {published}\n"),
            (f"unix/{LISTENER} {{", listener.replace("unix:", "unix/") + " {"),
        )
        apart = "{\n\tadmin off\n\tauto_https off\n}\n\n"
        (folder / "Caddyfile").write_text(apart + sites)

    def command(self):
        config = self.folder / "Caddyfile"
        return [self.program, "run", "--config", config, "--adapter", "caddyfile"]

    def environment(self):
        return caddy_environment(self.folder)


def caddy_environment(folder):
    """Where Caddy keeps what it keeps is below FOLDER."""
    own = {key: str(folder / "caddy") for key in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    return {"PATH": "/usr/bin:/bin", **own}


FRONTS = {"nginx": Nginx, "caddy": Caddy}

# What Grafana puts in for variables of which everything is chosen, and of its own.
GRAFANA = {
    "__rate_interval": "1m",
    "__range": "1h",
    "instance": ".*",
    "kind": ".*",
    "group": ".*",
    "target": ".*",
}


def dashboard_panels(dashboard):
    """All panels, those within a row, too."""
    panels = []
    for panel in dashboard["panels"]:
        panels += [panel, *panel.get("panels", [])]
    return panels


def dashboard_expressions(dashboard):
    """(where, what) of each PromQL expression, as Grafana would ask it."""
    asked = [
        (panel["title"], query["expr"])
        for panel in dashboard_panels(dashboard)
        for query in panel.get("targets", [])
    ]
    asked += [(mark["name"], mark["expr"]) for mark in dashboard["annotations"]["list"]]
    # A variable's: label_values(EXPRESSION, LABEL).
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            inner = variable["definition"].removeprefix("label_values(")
            asked.append((variable["name"], inner.rpartition(",")[0]))
    return [
        (title, re.sub(r"\$([a-z_]+)", lambda match: GRAFANA[match[1]], expression))
        for title, expression in asked
    ]
