"""Files that come with a form: uploaded as evidence first, their ids then stand in the form as if typed (R12, on behalf)."""

import hashlib
from collections.abc import Iterable

from fastapi import Request
from starlette.datastructures import UploadFile

from api.evidence import UPLOAD
from api.pages.calls import upload
from api.pages.shapes import Kind, Schema, shape_of
from api.problems import Problem

Files = tuple[tuple[str, UploadFile], ...]
Items = tuple[tuple[str, str], ...]


def files_in(items: Iterable[tuple[str, str | UploadFile]]) -> Files:
    """Those that were chosen: a browser sends an empty one where none was."""
    return tuple((name, file) for name, file in items if isinstance(file, UploadFile) and file.filename)


async def uploaded(request: Request, files: Files, schema: Schema, once: str) -> tuple[Items, Problem | None]:
    """A field and the id of its file, for each field of the schema that wants one; or what is wrong with a file."""
    found: list[tuple[str, str]] = []
    for name, file in files:
        href = _address(schema, name)
        if href is None:
            continue
        key = hashlib.sha256(f"{once}\0{name}\0{await _digest(file)}".encode()).hexdigest()
        answer = await upload(request, href, file, once=key)
        if answer.problem is not None:
            return tuple(found), _at(name, answer.problem)
        found.append((name, str(answer.body["id"])))
    return tuple(found), None


async def _digest(file: UploadFile) -> str:
    """Of the content: who chooses another file in the same form sends another request."""
    digest = hashlib.sha256(f"{file.filename}\0".encode())
    while chunk := await file.read(256 * 1024):
        digest.update(chunk)
    return digest.hexdigest()


def _address(schema: Schema, name: str) -> str | None:
    """Where the file of a field is uploaded to; None where the form has no such field."""
    shape = shape_of(schema, schema)
    for key in name.split("."):
        if shape.kind is not Kind.GROUP or (part := dict(shape.properties()).get(key)) is None:
            return None
        shape = part
    return shape.schema.get(UPLOAD) if shape.kind is Kind.FILE else None


def _at(field: str, problem: Problem) -> Problem:
    mistake = {"field": field, "problem": problem.detail, "mend": problem.mend}
    return problem.model_copy(update={"errors": [mistake]})
