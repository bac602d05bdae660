"""Text from files made harmless for a terminal, which takes some characters for commands."""

import re

# C0 and C1 controls (ESC and CSI start commands), line and paragraph ends, marks that turn the writing direction
# so that text reads as another, and halves of surrogate pairs, which cannot be written at all.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""The text with control characters written as Python does, such as \x1b; all but those in `keep`."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else repr(found[0])[1:-1], text)


def printable_json(document: str) -> str:
    """The same JSON with control characters inside its texts as JSON escapes."""
    return _CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", document)
