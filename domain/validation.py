"""Says what is wrong with an input, field by field, in words a person can act on. Edges translate them."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic import ValidationError

from domain.errors import N_, Invalid

_SAID = {
    "missing": (N_("It is missing."), N_("Add it.")),
    "extra_forbidden": (
        N_("There is no such field."),
        N_("Take it away; the schema lists the fields there are."),
    ),
    "string_too_short": (N_("It is too short."), N_("Write a little more.")),
    "string_too_long": (N_("It is too long."), N_("Write a little less.")),
    "string_type": (N_("It is not a text."), N_("Send a text.")),
    "string_pattern_mismatch": (
        N_("It is not written as it should be."),
        N_("Correct it; the schema says how it is written."),
    ),
    "literal_error": (N_("It is none of the choices."), N_("Use one of the choices that the schema lists.")),
    "enum": (N_("It is none of the choices."), N_("Use one of the choices that the schema lists.")),
    "date_from_datetime_parsing": (
        N_("It is not a date."),
        N_("Write it as year-month-day, e.g. 2026-02-27."),
    ),
    "date_parsing": (N_("It is not a date."), N_("Write it as year-month-day, e.g. 2026-02-27.")),
    "date_type": (N_("It is not a date."), N_("Write it as year-month-day, e.g. 2026-02-27.")),
    "json_invalid": (N_("It is not valid JSON."), N_("Send valid JSON.")),
    "dict_type": (N_("It is not a JSON object."), N_("Send an object, in braces.")),
    "model_type": (N_("It is not a JSON object."), N_("Send an object, in braces.")),
    "model_attributes_type": (N_("It is not a JSON object."), N_("Send an object, in braces.")),
}
_OTHERWISE = N_("Correct the value.")
MOST = 50  # wrong fields named at once


def wrong_fields(problems: Iterable[Mapping[str, Any]], *, leave_out: str = "") -> list[dict[str, str]]:
    """One entry a wrong field (`field`, `problem`, `mend`) from pydantic's list; ``leave_out`` is no part of a path."""
    found = []
    for one in islice(problems, MOST):
        said, mend = _SAID.get(one["type"], (str(one["msg"]).removeprefix("Value error, "), _OTHERWISE))
        path = "" if one["type"] == "json_invalid" else ".".join(str(p) for p in one["loc"] if p != leave_out)
        found.append({"field": path or "(body)", "problem": said, "mend": mend})
    return found


def explain(error: ValidationError, what: str) -> Invalid:
    """One :class:`Invalid` that names every wrong field, what is wrong with it and the mend."""
    errors = wrong_fields(error.errors(include_url=False, include_context=False, include_input=False))
    return Invalid(
        "The input to {what} is not right: {field}: {problem}",
        mend="Mend the fields listed in “errors” and send it again.",
        errors=errors,
        what=what,
        field=errors[0]["field"],
        problem=errors[0]["problem"],
    )
