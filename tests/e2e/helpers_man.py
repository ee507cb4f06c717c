"""The manual pages as mdoc(7) has them, and the tables of the sources that they are held to."""

import re

from conftest import TOP

MAN = TOP / "man"
SOURCE = TOP / "src"

# ---- reading mdoc(7) ----


def page(name):
    return (MAN / f"{name}.in").read_text()


def section(text, title, macro="Sh"):
    """What stands between `.Sh TITLE` (or `.Ss`) and the next heading."""
    found = re.search(rf"^\.{macro} {re.escape(title)}\n(.*?)(?=^\.S[hs] |\Z)", text, re.M | re.S)
    assert found, f"there is no {title}"
    return found.group(1)


def items(text, macro):
    """The list items whose head begins with MACRO: (the rest of the head, the body)."""
    parts = re.split(rf"^\.It {macro} (.*)\n", text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def plain(roff):
    """Roff without its escapes."""
    for escape, character in (("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\&", "")):
        roff = roff.replace(escape, character)
    return roff.replace("\\e", "\\")


def displays(text):
    return [plain(found) for found in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", text, re.M | re.S)]


def words(text, macro="Cm"):
    """The arguments of a macro, without punctuation."""
    lines = re.findall(rf"^\.{macro} (.*)$", text, re.M)
    return [word for line in lines for word in line.split() if re.match(r"\w", word)]


# ---- reading the sources ----


def source(path):
    return (SOURCE / path).read_text()


def names_of_table(path, table):
    """The texts of a table of names in C."""
    found = re.search(rf"\b{table}\[\w*\] = \{{(.*?)\}};", source(path), re.S)
    return [name for name in re.findall(r'"(.*?)"', found.group(1)) if name]


def sentence(text):
    """TEXT without its macros' names and line breaks: to look for words in it."""
    text = re.sub(r"^\.[A-Z][a-z] ", "", text, flags=re.M)
    return re.sub(r"\s+", " ", plain(text))


# ---- commands in examples ----


def commands(text, program):
    """The commands of a display that begin with `$ PROGRAM`."""
    found = re.split(r"^\$ ", text, flags=re.M)
    return [command for command in found if command.startswith(program)]
