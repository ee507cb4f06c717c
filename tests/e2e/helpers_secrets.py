"""Secrets, and the ways in which servers write what they were told."""

import base64
import json
import urllib.parse

ODD = 'k"ey/4711+\\ü '


class Secret:
    """A secret, and all the ways to write it that count as showing it."""

    def __init__(self, text, user=None):
        self.text = text
        self.escaped = [
            "".join(f"\\u{ord(c):04x}" for c in text),
            "".join(f"\\u{ord(c):04X}" for c in text),
            json.dumps(text)[1:-1],
            json.dumps(text)[1:-1].replace("/", "\\/"),
            json.dumps(text, ensure_ascii=False)[1:-1],
        ]
        quoted = urllib.parse.quote(text, safe="")
        self.encoded = [
            text,
            quoted,
            quoted.lower(),
            urllib.parse.quote(text),
            urllib.parse.quote_plus(text),
            "".join(f"%{byte:02x}" for byte in text.encode()),
        ]
        if user is not None:
            token = f"{user}:{text}".encode()
            self.encoded.append(base64.b64encode(token).decode())

    def assert_hidden_in(self, output):
        for form in self.encoded + self.escaped:
            assert form not in output, f"{form!r} in {output}"


def said(secrets):
    """A JSON text with each of SECRETS in strings, in all ways to write them."""
    strings = []
    for secret in secrets:
        strings += [json.dumps(form) for form in secret.encoded]
        strings += [json.dumps(f"<{form}>", ensure_ascii=False) for form in secret.encoded]
        strings += [f'"<{form}>"' for form in secret.escaped]
    return '{"all": [%s]}' % ", ".join(strings)
