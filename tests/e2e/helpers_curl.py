"""The same wish made to gatherd, as keys of a service, and to curl(1), as its arguments."""

import os
import re
import subprocess

from upstream import Upstream

# What both say of themselves, and of what they would take, unless they are told to.
OWN = {"user-agent": r"(gatherd|curl)/.*", "accept": r"\*/\*"}


class Recorder(Upstream):
    """Answers whatever it is asked, as what it was asked through, too."""

    async def _act(self, request, number, reader, writer):
        if request.path in self.answers:
            return await super()._act(request, number, reader, writer)
        await self.do_status(request, ["204"], reader, writer)
        return True


class Wish:
    """ARGUMENTS of curl, and the KEYS of a service that wishes for the same.

    In both, URL is where the upstream is, and PORT its port. The URL, /wish unless KEYS
    have another, tells the wishes apart: `wish` becomes wish-7 in it."""

    def __init__(self, *arguments, url="URL/wish", reply=None, **keys):
        self.arguments = list(arguments)
        self.keys = {"url": url, **keys}
        self.reply = reply  # what the upstream answers, as in `answers`

    def _made(self, value, upstream, number):
        if isinstance(value, dict):
            return {key: self._made(item, upstream, number) for key, item in value.items()}
        if isinstance(value, list):
            return [self._made(item, upstream, number) for item in value]
        if not isinstance(value, str):
            return value
        value = value.replace("wish", f"wish-{number}")
        return value.replace("URL", upstream.url).replace("PORT", str(upstream.port))

    def service(self, upstream, number):
        return self._made(self.keys, upstream, number)

    def ask_curl(self, upstream, number, folder):
        arguments = [*self.arguments, self.keys["url"]]
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.lower().endswith("_proxy")
        }
        done = subprocess.run(
            ["curl", "-q", "-sS", "-m", "20", "--globoff", "-o", os.devnull]
            + self._made(arguments, upstream, number),
            capture_output=True,
            env=environment,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr


def wish_number(request):
    return int(re.search(r"wish-(\d+)", request.target)[1])


def seen_header(name, value):
    """The header, less what is drawn anew by whoever sends it, and what does not matter."""
    if value.startswith("Digest "):
        given = re.sub(r'\b(cnonce|response)="[^"]*"', r"\1", value)
        value = "Digest " + ", ".join(sorted(given.removeprefix("Digest ").split(", ")))
    if name.lower() == "host":  # no matter which case (RFC 9110, 4.2.3)
        value = value.lower()
    return name, value


def seen(request):
    """All that counts of REQUEST: its headers stand in no order."""
    headers = [
        seen_header(name, value)
        for name, value in request.headers
        if not re.fullmatch(OWN.get(name.lower(), "(?!)"), value)
    ]
    return {
        "line": f"{request.method} {request.target} {request.version}",
        "headers": sorted(headers),
        "body": request.body,
    }
