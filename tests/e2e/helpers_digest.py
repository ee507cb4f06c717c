"""A server's side of Digest authentication (RFC 7616), which checks every proof."""

import hashlib
import re

from upstream import answer

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def told(request):
    return (request.header("Authorization") or "").encode("latin-1").decode()


def parameters(request):
    """What stands behind "Digest" in REQUEST's Authorization; None: nothing does."""
    scheme, _, rest = told(request).partition(" ")
    if scheme != "Digest":
        return None
    found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    return {name: re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in found}


class Digest:
    """What answers a path: a challenge first, and JSON to who has proven to know PASSWORD.

    QOP None is what RFC 2069 had. Of the proofs that were wrong `wrong` says why."""

    def __init__(self, user, password, algorithm="MD5", qop="auth", **says):
        self.user, self.password = user, password
        self.algorithm, self.qop = algorithm, qop
        self.says = says  # more parameters of the challenge
        self.nonces = ["nonce-0"]
        self.proven = []
        self.wrong = []
        self.counts = set()

    def __call__(self, request, number):
        given = parameters(request)
        if given is None:
            return self.challenge()
        why = self.why_not(request, given)
        if why is None:
            self.proven.append(request)
            return answer('{"proven": true}')
        self.wrong.append(why)
        return self.challenge()

    def renew(self):
        """The nonces up to now are stale from here on."""
        self.nonces.append(f"nonce-{len(self.nonces)}")
        self.says["stale"] = "true"

    def challenge(self):
        said = {"realm": "the \\\"realm\\\"", "nonce": self.nonces[-1], **self.says}
        text = ", ".join(f'{name}="{value}"' for name, value in said.items())
        text += f", algorithm={self.algorithm}"
        if self.qop:
            text += f', qop="{self.qop}"'
        headers = [("WWW-Authenticate", f"Digest {text}")]
        return answer("who asks?", 401, "text/plain", headers)

    def why_not(self, request, given):
        """What is wrong with the parameters GIVEN, or None."""
        expected = {
            "username": self.user,
            "realm": 'the "realm"',
            "uri": request.target,
            "nonce": self.nonces[-1],
        }
        for name, value in expected.items():
            if given.get(name) != value:
                return f"{name} is {given.get(name)!r}, not {value!r}"
        if (given["nonce"], given.get("nc"), given.get("cnonce")) in self.counts:
            return "said before"
        if self.qop:
            self.counts.add((given["nonce"], given["nc"], given["cnonce"]))
        if given["response"] != self.response(request.method, given):
            return "a wrong response"
        return None

    def response(self, method, given):
        """RFC 7616, 3.4.1, for quality "auth" and for none."""

        def hashed(*parts):
            new = HASHES[self.algorithm.removesuffix("-sess")]
            return new(":".join(parts).encode()).hexdigest()

        secret = hashed(self.user, given["realm"], self.password)
        if self.algorithm.endswith("-sess"):
            secret = hashed(secret, given["nonce"], given["cnonce"])
        asked = hashed(method, given["uri"])
        if not self.qop:
            return hashed(secret, given["nonce"], asked)
        return hashed(secret, given["nonce"], given["nc"], given["cnonce"], "auth", asked)
