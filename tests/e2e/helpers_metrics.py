"""Metrics in Prometheus' text format, version 0.0.4, read by the letter."""

import contextlib
import math
import re
import subprocess
import time

from conftest import PATIENCE
from helpers_tools import tool

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
# No blank but the one that must be there, no time stamp.
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?|[+-]Inf")
HEAD = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
# What samples of a family may be called behind its name.
SUFFIXES = {
    "gauge": [""],
    "counter": [""],
    "histogram": ["_bucket", "_sum", "_count"],
    "summary": ["_sum", "_count"],
}


class FormatFault(Exception):
    """The text is no such one."""


def demand(condition, what):
    if not condition:
        raise FormatFault(what)


def unescaped(text):
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)


class Family:
    def __init__(self, name, words):
        self.name = name
        self.help = words
        self.type = None
        self.samples = {}  # (name, frozenset of labels' items) -> number

    def put(self, name, labels, number):
        demand(name in [self.name + end for end in SUFFIXES[self.type]], f"no {self.type}: {name}")
        key = (name, frozenset(labels.items()))
        demand(key not in self.samples, f"twice: {key}")
        demand(self.type == "gauge" or number >= 0, f"below zero: {key}")
        self.samples[key] = number


def check_histogram(family):
    """Each has its buckets, rising, the last of them with all."""
    series = {}
    for (name, items), number in family.samples.items():
        labels = dict(items)
        bound = labels.pop("le", None)
        demand((bound is not None) == name.endswith("_bucket"), f"le: {name}")
        its = series.setdefault(frozenset(labels.items()), {})
        its[name[len(family.name) :] if bound is None else float(bound)] = number
    for labels, its in series.items():
        bounds = [key for key in its if not isinstance(key, str)]
        counts = [its[key] for key in bounds]
        demand(bounds == sorted(bounds) and counts == sorted(counts), f"not rising: {labels}")
        demand(bounds[-1] == math.inf and counts[-1] == its["_count"], f"not all: {labels}")
        demand("_sum" in its, f"no sum: {labels}")


class Metrics:
    """What a text says: `families` by their names."""

    def __init__(self, text):
        demand(text.endswith("\n"), "cut off")
        self.text = text
        self.families = {}
        self._last = None
        for line in text[:-1].split("\n"):
            try:
                self._read(line)
            except FormatFault as fault:
                raise FormatFault(f"{line!r}: {fault}") from None
        for family in self.families.values():
            demand(family.type and family.samples, f"empty: {family.name}")
            if family.type == "histogram":
                check_histogram(family)

    def _read(self, line):
        if head := HEAD.fullmatch(line):
            self._read_head(*head.groups())
            return
        match = SAMPLE.fullmatch(line)
        demand(match, "no sample")
        demand(self._last and self._last.type, "no head before it")
        demand(NUMBER.fullmatch(match[7]), "no number")
        pairs = [(name, unescaped(value)) for name, value in re.findall(LABEL, match[2] or "")]
        demand(len(dict(pairs)) == len(pairs), "a label twice")
        self._last.put(match[1], dict(pairs), float(match[7]))

    def _read_head(self, what, name, words):
        if what == "HELP":
            demand(name not in self.families, "a family in two places")
            self._last = self.families[name] = Family(name, words)
        else:
            demand(self._last and (self._last.name, self._last.type) == (name, None), "no HELP")
            demand(words in SUFFIXES, "no type")
            demand((words == "counter") == name.endswith("_total"), "a counter's name")
            self._last.type = words

    def __str__(self):
        return self.text

    def series(self, name, /, **wanted):
        """The (labels, number) of all samples called NAME that have the labels WANTED."""
        family = self.families.get(re.sub("_(bucket|sum|count)$", "", name))
        family = self.families.get(name, family)
        return [
            (dict(labels), number)
            for (its, labels), number in (family.samples.items() if family else ())
            if its == name and wanted.items() <= dict(labels).items()
        ]

    def value(self, name, /, **wanted):
        """The number of the only one; None: there is none."""
        found = self.series(name, **wanted)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def by(self, label, name, /, **wanted):
        """{LABEL: number} of them."""
        found = self.series(name, **wanted)
        result = {labels[label]: number for labels, number in found}
        assert len(result) == len(found), found
        return result

    def counters(self):
        """{(name, labels): number} of all that must never go back."""
        return {
            key: number
            for family in self.families.values()
            for key, number in family.samples.items()
            if family.type != "gauge"
        }


def lint(text):
    """What promtool says of TEXT: it should be nothing."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout if done.returncode == 0 else f"status {done.returncode}: {done.stdout}"


def parse_metrics(text):
    return Metrics(text)


def read_metrics(path):
    return Metrics(path.read_text(encoding="utf-8"))


def wait_metrics(daemon, path, condition=lambda metrics: True):
    """Wait until the metrics in PATH, in the folder that DAEMON's watch looks at, are those
    that CONDITION says; they must be well-formed all the time."""
    end = time.monotonic() + PATIENCE
    metrics = None
    while True:
        ended = daemon.process.poll() is not None
        with contextlib.suppress(FileNotFoundError):
            metrics = read_metrics(path)
            if condition(metrics):
                return metrics
        left = end - time.monotonic()
        assert left > 0 and not ended, f"not the metrics: {metrics}\nlog:\n{daemon.log}"
        daemon.watch.wait(min(left, 1))
