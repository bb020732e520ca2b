"""Nobody overwrites what they have not seen: a version is an ETag, and ``If-Match`` is honoured."""

from typing import Annotated

from fastapi import Depends, Header

from domain.errors import Invalid, Stale
from domain.model import Frozen


def etag(version: int) -> str:
    return f'"{version}"'


class Expected(Frozen):
    """What the caller read before, if it says so (RFC 9110, 13.1.1: compared strongly, `*` is any)."""

    tags: tuple[str, ...] | None = None

    def must_be(self, version: int | None) -> None:
        """Raises :class:`Stale` where the object is at another version, or not there at all (None)."""
        if self.tags is None or etag_matches(self.tags, version):
            return
        if version is None:
            raise Stale("There is nothing here yet.", mend="Send it without If-Match to make it.")
        raise Stale(
            "This was changed since you read it: it is at version {version} now.",
            mend="Read it again, apply your change to that, and send it with its ETag in If-Match.",
            version=version,
        )


def etag_matches(tags: tuple[str, ...], version: int | None) -> bool:
    return version is not None and ("*" in tags or etag(version) in tags)


async def expected(
    if_match: Annotated[
        str | None,
        Header(max_length=1000, description="the `ETag` of what you read; 412 where it has changed since"),
    ] = None,
) -> Expected:
    if if_match is None:
        return Expected()
    return Expected(tags=tuple(tag.strip() for tag in if_match.split(",")))


IfMatch = Annotated[Expected, Depends(expected)]


async def unversioned(if_match: Annotated[str | None, Header(include_in_schema=False)] = None) -> None:
    """Refuses `If-Match` where it names one version of several things: unheeded, it would protect nobody."""
    if if_match is not None:
        raise Invalid(
            "If-Match names one version, and this call changes several channels; nothing was changed.",
            mend="Leave it out, and name each channel's version in “versions”.",
        )


NO_IF_MATCH = Depends(unversioned)
