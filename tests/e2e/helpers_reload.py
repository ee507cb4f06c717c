"""What the tests of reloading have in common."""

import signal

RARELY = "1h"  # rounds that a test does not wait for: only a reload brings the next


def config_of(upstream, services, **top):
    """A config of SERVICES, each a path or a map with one as `url`."""
    whole = {}
    for name, service in services.items():
        service = dict(service) if isinstance(service, dict) else {"url": service}
        if service["url"].startswith("/"):
            service["url"] = upstream.url + service["url"]
        whole[name] = service
    return {"interval": RARELY, "timeout": "1m", **top, "services": whole}


def complete(document):
    return document["outcome"] == "complete"


def status_is(name, status):
    return lambda document: document["services"][name]["status"] == status


def status_is_there(name):
    return lambda document: (
        name in document["services"] and document["services"][name]["status"] != "pending"
    )


def verdict(daemon):
    """The numbers of the last reload: added, dropped, changed, unchanged."""
    line = daemon.matches("config reloaded: ")[-1]
    return [int(word) for word in line.replace(",", "").split() if word.isdigit()]


def gather_now(daemon):
    """Everything once more; the document of it."""
    number = daemon.document["round"]["number"]
    daemon.signal(signal.SIGUSR1)
    return daemon.wait_document(
        lambda document: document["round"]["number"] > number and complete(document)
    )
