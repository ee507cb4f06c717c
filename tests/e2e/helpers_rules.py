"""What the tests of rules and of values have in common: answers, and rounds of all of them."""

from upstream import answer, raw, sends

SECRET = "a-secret-of-17-chars"

# A bit of everything that a rule or a value may be about. It is no text that json.dumps()
# would write: doubled keys, escapes and numbers are as a server may spell them.
THINGS = (
    '{"state": "up", "depth": 250, "whole": 1.0, "digit": "1", "nothing": null,\n'
    '"yes": true, "no": false, "big": 18446744073709551615, "small": 0.1, "exact": 1.10,\n'
    '"huge": 123456789012345678901234567890, "far": 1e300, "half": -0.5,\n'
    '"list": [1, "two", [3, 4], {"five": 5}], "empty": [], "blank": {}, "void": "",\n'
    '"a/b": "slash", "m~n": "tilde", "~1": "both", "": {"": "no name"}, "0": "zero",\n'
    '"grün": {"größe": "süß"}, "\\ud83d\\ude00": "smile", "\\u0065scaped": "line\\nbreak",\n'
    '"twice": {"x": 1, "y": 1}, "twice": {"x": 2, "x": {"deep": 3}},\n'
    '"long": "%s", "quoted": "say \\"so\\"", "emoji": "\\u00e4😀"}' % ("ab" * 100)
)


def headed(*headers, body="{}"):
    """The path that answers BODY, which is JSON, with HEADERS as well."""
    whole = answer(body, headers=[*headers, ("Connection", "close")])
    return raw(whole)


def asks(path, **keys):
    """A service that asks the upstream for PATH; see place()."""
    return {"url": path, **keys}


def place(service, url):
    """SERVICE at URL, if it does not say where it is."""
    at = "" if "://" in service["url"] else url
    return {**service, "url": at + service["url"]}


def gather(gatherd, upstream, services, *arguments, env=None, **top):
    """One round of SERVICES, which begin at UPSTREAM."""
    placed = {name: place(service, upstream.url) for name, service in services.items()}
    config = {"timeout": "30s", "connect_timeout": "30s", **top, "services": placed}
    return gatherd.once(config, *arguments, env={"SECRET": SECRET, **(env or {})})


def json_rule(pointer, condition):
    return {"json": {pointer: condition}}


def things(**keys):
    return asks(sends(THINGS), **keys)
