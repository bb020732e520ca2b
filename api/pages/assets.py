"""The pages' own styles and script: small files, served under a name that holds their content's hash, cached for ever."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.access import Policy, open_to_all
from domain.errors import NotFound

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
YEAR = 365 * 24 * 3600

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    href: str
    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """The files there are, by their plain name."""
    return {path.name: _asset(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


def asset_href(name: str) -> str:
    """The address of a file of ours; an unknown name is a :class:`KeyError`."""
    return assets()[name].href


@router.get("/static/{name}")
async def static(name: str, _: Annotated[None, Depends(open_to_all(Policy.PUBLIC))]) -> Response:
    """A style, script or picture of the pages."""
    found = next((asset for asset in assets().values() if asset.href == f"/static/{name}"), None)
    if found is None:
        raise NotFound(
            "There is no file “{name}”.", mend="Load the page again: it names the files there are.", name=name
        )
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"Cache-Control": f"public, max-age={YEAR}, immutable"},
    )


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{path.stem}.{digest}{path.suffix}", content, TYPES[path.suffix])
