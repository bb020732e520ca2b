"""A write does what it is asked or says that it cannot: parameters that it does not know are refused, not ignored.

Ignored, a `?dry_run=true` on a call without a preview would write.
"""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from domain.errors import Invalid

READS = ("GET", "HEAD", "OPTIONS")


async def only_known_parameters(request: Request) -> None:
    """Of every route: raises Invalid where a write comes with a parameter that its route does not name.

    Pages and signed links take any but `dry_run`: mail programs and the like add their own to an address.
    """
    if request.method in READS or not request.query_params:
        return
    known = frozenset(_named(request.scope["route"].dependant))
    strange = [name for name in request.query_params if name not in known]
    if "dry_run" in strange:
        raise Invalid(
            "This call has no preview, so it does not know “dry_run”; nothing was changed.",
            mend="Send it without dry_run if it is meant.",
            code="no-preview",
        )
    if strange and request.url.path.startswith("/api/"):
        raise Invalid(
            "This call does not know the parameter “{name}”; nothing was changed.",
            mend="Leave it out, or correct its name; /docs lists what the call knows.",
            code="unknown-parameter",
            name=strange[0][:100],
        )


def _named(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for other in dependant.dependencies:
        yield from _named(other)
