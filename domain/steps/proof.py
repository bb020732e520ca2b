"""What the bodies of actions say of evidence files: where somebody's word is recorded by another, the file is needed.

Their fields stay optional, for histories of before files were kept must replay; the API refuses what lacks one.
"""

from typing import Any

from domain.steps.base import Evidence

# For a body that may be on somebody's behalf, as JSON Schema says “if”.
FILE_WHEN_ON_BEHALF: dict[str, Any] = {
    "if": {"required": ["on_behalf_of"], "properties": {"on_behalf_of": {"type": "object"}}},
    "then": {"properties": {"evidence": {"required": ["file"]}}},
}


def _needs_file(schema: dict[str, Any]) -> None:
    file = schema["properties"]["file"]
    file.pop("default", None)
    file |= next(branch for branch in file.pop("anyOf") if branch["type"] == "string")
    schema["required"] = [*schema["required"], "file"]


class FiledEvidence(Evidence):
    """The same, with the file that shows it."""

    model_config = {"json_schema_extra": _needs_file}


def needs_evidence(schema: dict[str, Any]) -> None:
    """The same for a body whose ``evidence`` as a whole came later than its first recorded histories."""
    evidence = schema["properties"]["evidence"]
    evidence.pop("default", None)
    evidence |= next(branch for branch in evidence.pop("anyOf") if "$ref" in branch)
    schema["required"] = [*schema["required"], "evidence"]
