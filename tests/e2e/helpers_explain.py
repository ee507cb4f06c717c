"""What the tests of gatherd --explain have in common: asking it, and reading what it tells."""

import json

KEY = "key-4711-of-nobody"


def explain(gatherd, config, name, *arguments, **keywords):
    keywords.setdefault("env", {"KEY": KEY})
    return gatherd.run("--explain", name, *arguments, config=config, **keywords)


def explain_json(gatherd, config, name, **keywords):
    result = explain(gatherd, config, name, "--json", **keywords)
    assert result.stdout.count("\n") == 1
    return result, json.loads(result.stdout)


def sections(text):
    """The lines below each heading, by heading; the first lines are under ""."""
    found, heading = {"": []}, ""
    for line in text.splitlines():
        if line and not line.startswith(" ") and found[""]:
            heading = line
            found[heading] = []
        elif line:
            found[heading].append(line)
    return found


def rows(lines):
    """(label, text) of each line of a section; lines that go on have their label, too."""
    found, label = [], ""
    for line in lines:
        label = line[2:13].strip() or label
        found.append((label, line[15:]))
    return found


def of(lines, label):
    return [text for found, text in rows(lines) if found == label]


def keys_of(value, path=""):
    """The paths of all keys of VALUE as the page writes them."""
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item, f"{path}[]")}
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        name = f"{path}.{key}" if path else key
        found.add(name)
        # Else told elsewhere, or in one item for all.
        if key not in ("services", "prompts", "budget", "timing_ms"):
            found |= keys_of(inner, name)
    return found
