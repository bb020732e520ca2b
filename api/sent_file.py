"""A form (multipart/form-data) that brings one file, in its field ``file``: said in the OpenAPI document, and read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from domain.errors import Invalid


def file_form(description: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads the form by hand, which FastAPI cannot describe by itself."""
    file = {"type": "string", "format": "binary", "title": "File", "description": description}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@asynccontextmanager
async def sent_file(request: Request) -> AsyncIterator[UploadFile]:
    """The form's one file, until it is left. Raises Invalid where there is none."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise _no_file()
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise _no_file()
        yield file


def _no_file() -> Invalid:
    return Invalid(
        "No file was sent.",
        mend="Send a form (multipart/form-data) with the document in its field “file”.",
        code="no-file",
        errors=[{"field": "file", "problem": "missing", "mend": "Add it."}],
    )
