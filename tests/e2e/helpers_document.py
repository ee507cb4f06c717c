"""Status documents: whatever a test reads has to be what `--print-schema status` says."""

import functools
import json
import os
import re
import subprocess
from datetime import datetime

import jsonschema

# RFC 3339 in UTC, with milliseconds.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_time(value):
    if not isinstance(value, str):
        return True
    datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    return re.fullmatch(TIME, value) is not None


def print_schema(name):
    """What gatherd prints as the schema of `config` or `status`, which has to be one."""
    from conftest import PATIENCE, Gatherd

    done = subprocess.run(
        [Gatherd.program, "--print-schema", name],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ASAN_OPTIONS": "exitcode=99:detect_leaks=1"},
        timeout=PATIENCE,
    )
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@functools.cache
def validator():
    return jsonschema.Draft202012Validator(print_schema("status"), format_checker=formats)


def faults(document):
    """Where DOCUMENT is not what the schema says: a text for each place."""
    return [
        f"/{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator().iter_errors(document)
    ]


def checked(document):
    """DOCUMENT, once it is known to be what the schema says."""
    found = faults(document)
    assert not found, "not what --print-schema status says:\n" + "\n".join(found)
    return document


def parse_document(text):
    return checked(json.loads(text))


def parse_first_document(text):
    """The document that TEXT begins with, and where it ends."""
    document, end = json.JSONDecoder().raw_decode(text)
    return checked(document), end


def parse_documents(text):
    """All that TEXT holds, one after the other."""
    documents = []
    while text:
        document, end = parse_first_document(text)
        documents.append(document)
        text = text[end:].lstrip()
    return documents


def read_document(path):
    return parse_document(path.read_text(encoding="utf-8"))
