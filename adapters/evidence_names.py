"""Names of evidence: what the sender called a file, made harmless and true to its content."""

import unicodedata

LONGEST = 120
_SUFFIXES = {
    "application/pdf": (".pdf",),
    "message/rfc822": (".eml",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
}


def safe_name(said: str, media_type: str) -> str:
    """The last part of a path, without signs that cannot be seen or that lead elsewhere, with the kind's own ending."""
    last = said.replace("\\", "/").rpartition("/")[2]
    seen = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in last)
    name = " ".join(seen.split()).strip(". ") or "evidence"
    suffixes = _SUFFIXES[media_type]
    ending = next((suffix for suffix in suffixes if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)][: LONGEST - 5].rstrip(". ") + (ending or suffixes[0])
