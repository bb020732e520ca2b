"""Says what is wrong with an input, field by field, in words a person can act on."""

from pydantic import ValidationError

from domain.errors import Invalid

_MENDS = {
    "missing": "Add it.",
    "extra_forbidden": "Take it away; the schema lists the fields there are.",
    "string_too_short": "Write something.",
    "json_invalid": "Send valid JSON.",
}


def explain(error: ValidationError, what: str) -> Invalid:
    """One :class:`Invalid` that names every wrong field, what is wrong with it and the mend."""
    errors = [
        {
            "field": ".".join(str(part) for part in problem["loc"]) or "(body)",
            "problem": problem["msg"].removeprefix("Value error, "),
            "mend": _MENDS.get(problem["type"], "Correct the value."),
        }
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Invalid(
        "The input to {what} is not right: {field}: {problem}.",
        mend="Mend the fields listed in “errors” and send it again.",
        errors=errors,
        what=what,
        field=errors[0]["field"],
        problem=errors[0]["problem"],
    )
