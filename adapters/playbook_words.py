"""What pydantic found wrong, in the words of whoever writes playbooks and declarations."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.playbook_file import Path_

_SHAPES = {
    "slug": "use small letters, digits and hyphens, a letter first, at most 40",
    "document": "use small letters, digits and hyphens, a letter first, at most 40",
    "country": "use two capital letters, e.g. RO",
    "currency": "use three capital letters, e.g. RON",
    "email": "write one address, e.g. integrare@partner.example",
}
_SHAPES |= dict.fromkeys(("name", "version"), "write one line of text")
_KEY_SHAPE = "use small letters, digits and underscores, a letter first, at most 40"

_TYPE_MENDS = {
    "string_type": "write text; put it in quotes where it looks like a number",
    "model_type": "write its keys below it, indented",
    "model_attributes_type": "write its keys below it, indented",
    "dict_type": "write its keys below it, indented",
    "tuple_type": "write a list: [one, two], or a line “- …” for each",
}


def explained(error: ValidationError, root: type[BaseModel]) -> Iterator[tuple[Path_, str, str]]:
    """Path in the file, problem and mend of everything that pydantic found; ``root`` is what the file is read into."""
    for item in error.errors(include_url=False):
        loc, kind = item["loc"], item["type"]
        if kind == "too_short" and item["input"]:
            continue  # its items are wrong, and each of them says so itself
        untagged = (*loc[:2], *loc[3:]) if loc[0:1] == ("steps",) else loc
        path = tuple(part for part in untagged if part != "[key]")
        if kind.startswith("union_tag"):
            path = (*path, "kind")
        yield path, *_words(item, path, root)


def _words(item: ErrorDetails, path: Path_, root: type[BaseModel]) -> tuple[str, str]:
    """Problem and mend, in the words of whoever writes playbooks."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    expected = str(context.get("expected_tags") or context.get("expected", ""))
    choices = expected.replace("'", "").replace(" or ", ", ")
    if kind == "union_tag_not_found":
        return "“kind” is missing", f"add it, one of: {', '.join(_kinds(root))}"
    if kind == "missing":
        return f"“{name}” is missing", "add it"
    if kind == "extra_forbidden":
        known = _known_keys(item["loc"][:-1], root)
        close = get_close_matches(name, known, 1)
        meant = f"write “{close[0]}” if you meant that; " if close else ""
        return f"unknown key “{name}”", f"{meant}the keys here are: {', '.join(known)}"
    if value is None:
        return (f"“{name}”" if name else "the file") + " has no value", "write one"
    if choices:
        return f"unknown {name} “{context.get('tag', value)}”", f"use one of: {choices}"
    if kind in ("too_short", "string_too_short"):
        return f"“{name}” is empty", "write at least one"
    if kind == "string_pattern_mismatch":
        return f"“{value}” is not right for “{name}”", _SHAPES.get(name, _KEY_SHAPE)
    shown = f", not “{value}”" if isinstance(value, str | int | float) else ""
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}{shown}", _TYPE_MENDS.get(kind, "correct the value")


def _known_keys(loc: Path_, root: type[BaseModel]) -> list[str]:
    """The keys that may stand at a place, the kind of the step being part of ``loc``."""
    here: list[type[BaseModel]] = [root]
    for part in loc:
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        tagged = [model for model in here if _is_kind(model, part)]
        here = (
            [model for field in fields for model in _models(field.annotation)] if fields else tagged or here
        )
    return list(dict.fromkeys(name for model in here for name in model.model_fields))


def _kinds(root: type[BaseModel]) -> list[str]:
    models = _models(root.model_fields["steps"].annotation)
    return [kind for model in models for kind in get_args(model.model_fields["kind"].annotation)]


def _is_kind(model: type[BaseModel], part: str | int) -> bool:
    field = model.model_fields.get("kind")
    return field is not None and part in get_args(field.annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation such as ``tuple[A | B, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
