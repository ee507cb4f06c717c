"""What of services' answers stands in prompts: blocks, and what they were made of."""

import hashlib
import re

from helpers_prompts import ask, config
from upstream import answer


def digits(label, value):
    """Those of the lines around a block, as the man page says."""
    text = label.encode() + b"\n" + value.encode()
    return hashlib.sha256(text).hexdigest()[:16]


def block(label, value):
    """VALUE, as `fence: true` puts it in where a line begins."""
    number = digits(label, value)
    last = "" if value.endswith("\n") or not value else "\n"
    return f"[data {label} {number}]\n{value}{last}[end of data {label} {number}]"


def blocks(text):
    """(label, content) of each block in TEXT, as a careful reader takes it apart: a line that
    begins one, and the first one with the same name and digits that ends it."""
    found = []
    lines = iter(text.split("\n"))
    for line in lines:
        begin = re.fullmatch(r"\[data (.+) ([0-9a-f]{16})\]", line)
        if not begin:
            assert not line.startswith("[end of data "), f"an end of nothing: {line}"
            continue
        end = f"[end of data {begin[1]} {begin[2]}]"
        content = []
        for line in lines:
            if line == end:
                break
            content.append(line)
        else:
            raise AssertionError(f"no {end}")
        found.append((begin[1], "\n".join(content)))
    return found


def serve(models, name, body):
    """A service that answers BODY: as text where it is one, else as JSON."""
    is_text = isinstance(body, str)
    content_type = "text/plain; charset=utf-8" if is_text else "application/json"
    models.answers[f"/{name}"] = answer(body, content_type=content_type)
    return {"url": f"{models.url}/{name}", "format": "text" if is_text else "json"}


def ask_over(gatherd, models, bodies, prompt, top=None, arguments=(), **keys):
    """The entry of a prompt with KEYS over services that answer BODIES, by their names: a text
    or, as bytes, JSON."""
    services = {name: serve(models, name, body) for name, body in bodies.items()}
    made = config(models, {"it": {"prompt": prompt} | keys}, services) | (top or {})
    return ask(gatherd, made, *arguments).document["prompts"]["it"]
