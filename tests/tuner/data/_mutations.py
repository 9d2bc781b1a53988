"""Annotation files gone wrong: one strategy for every text format, from slips of an editor to hostile content."""

from __future__ import annotations

import re

from hypothesis import strategies as st

TOKEN = re.compile(rb'"[^"\n]{0,200}"|[-+.\w]+|[^\w\s]')
"""A string, a number or word, or one mark: what JSON, XML, YAML and plain lines are made of."""

NASTY = (
    *(b"0", b"-1", b"1", b"7", b"2.5", b"1e999", b"-1e999", b"9" * 30, b"9" * 5000, b"1_0", b"0x1F", b"1e-320"),
    *(b"NaN", b"nan", b"inf", b"Infinity", b"null", b"true", b"~", b"", b'""', b"''", b" ", b"\n", b"\0", b"\xff\xfe"),
    *(b"[]", b"{}", b"[[1]]", b'{"id": 1}', b"[" * 40, b"<", b"</object>", b"<object>", b"&amp;", b"&x;", b"*x", b"&x"),
    *(b"../../secret.png", b"/etc/passwd", b"C:\\x.png", b"x" * 300, "\u0661".encode(), "\ud7ff\u202e".encode()),
    *(b"!!binary x", b"!!python/name:os.system", b"<<", b"? ", b"2001-99-99", b"1:99:99", b"%YAML 9.9", b"---", b"#"),
)


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a valid file in one to four places: tokens replaced, doubled, moved or dropped; bytes torn or invented."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=60))
    for _ in range(draw(st.integers(1, 4))):
        tokens = [match.span() for match in TOKEN.finditer(content)] or [(0, len(content))]
        start, stop = draw(st.sampled_from(tokens))
        kind = draw(st.sampled_from(["replace", "replace", "replace", "double", "drop", "swap", "cut", "bytes"]))
        if kind == "replace":
            content = content[:start] + draw(st.sampled_from(NASTY)) + content[stop:]
        elif kind == "double":
            content = content[:stop] + b" " + content[start:]
        elif kind == "drop":
            content = content[:start] + content[stop:]
        elif kind == "swap":
            first, last = sorted([(start, stop), draw(st.sampled_from(tokens))])
            if first[1] <= last[0]:
                middle = content[first[1] : last[0]]
                content = (
                    content[: first[0]] + content[slice(*last)] + middle + content[slice(*first)] + content[last[1] :]
                )
        elif kind == "cut":
            content = content[:start]
        else:
            content = content[:start] + draw(st.binary(max_size=4)) + content[stop:]
    return content


NAMES = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape")),
    st.sampled_from(
        ["train", "val", "images", "con", "a b", "-x", "__x", ".hidden", "Ä", "x" * 255, "x" * 300, "%s", "{0}"]
    ),
).filter(lambda name: not {"/", "\0"} & set(name) and name not in ("", ".", ".."))
"""Names of folders: whatever a file system takes, and some that are too long for it."""
