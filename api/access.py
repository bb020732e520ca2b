"""Who may do what: the one layer that decides. Every route names a policy; every object is asked for by its provider.

A principal comes from an API key (``Authorization: Bearer``), from a session cookie, or from the token of a signed link
(which is checked where the link is read). A key or session may be limited to one provider: whatever belongs to another
looks to it as if it did not exist. A partner's key reads that partner's feed, and nothing else.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Select, bindparam, func, null, select

from adapters.database.access import hashed
from adapters.database.session import Database
from adapters.database.tables import ApiKeyRow, SessionRow
from api.context import AppContext, Context
from domain.errors import N_, Forbidden, NotFound, RacordError
from domain.model import Actor, Frozen, Party


class Unauthenticated(RacordError):
    """Nothing is open without a key or a session."""

    code = "unauthenticated"


class Role(StrEnum):
    MANAGER = "manager"
    PROVIDER = "provider"
    VIEWER = "viewer"
    PARTNER = "partner"


class Policy(StrEnum):
    """What a route lets its caller do."""

    PUBLIC = "public"
    SIGNED_LINK = "signed_link"
    READ = "read"
    EDIT_CATALOGUE = "edit_catalogue"
    ACCEPT_CONSENT = "accept_consent"
    CREATE_PROVIDER = "create_provider"
    START_ONBOARDING = "start_onboarding"
    ACT_ON_STEP = "act_on_step"
    STEER_ONBOARDING = "steer_onboarding"
    MANAGE_PEOPLE = "manage_people"
    STEER_CONNECTION = "steer_connection"
    READ_FEED = "read_feed"
    REPORT_BOUNCE = "report_bounce"


_PROVIDERS_OWN = frozenset({Policy.READ, Policy.EDIT_CATALOGUE, Policy.ACCEPT_CONSENT})
GRANTS: dict[Role, frozenset[Policy]] = {
    Role.MANAGER: frozenset(Policy),
    Role.PROVIDER: _PROVIDERS_OWN,
    Role.VIEWER: frozenset({Policy.READ}),
    Role.PARTNER: frozenset({Policy.READ_FEED}),
}
PARTIES: dict[Role, Party] = {
    Role.MANAGER: Party.US,
    Role.PROVIDER: Party.PROVIDER,
    Role.VIEWER: Party.US,
    Role.PARTNER: Party.PARTNER,
}


class Principal(Frozen):
    """Whoever is calling, and what they may touch."""

    kind: str
    id: str
    name: str
    role: Role
    provider_id: str | None = None
    partner: str | None = None

    @property
    def actor(self) -> Actor:
        return Actor(kind=self.kind, id=self.id, name=self.name, role=self.role)

    @property
    def owner(self) -> str:
        """Whose lasting things are: a key's by its id; a person's by the name in the login link, for each session is new."""
        if self.kind != "session":
            return f"{self.kind}:{self.id}"
        return f"{self.kind}:{self.role}:{self.provider_id or ''}:{self.name}"

    @property
    def party(self) -> Party:
        return PARTIES[self.role]

    def may(self, policy: Policy) -> bool:
        return policy in GRANTS[self.role]

    def must_reach(self, provider_id: str, what: str = "provider", id: str | None = None) -> None:
        """Raises :class:`NotFound` where the object belongs to a provider that this principal may not see."""
        if self.provider_id is not None and self.provider_id != provider_id:
            raise not_found(what, id or provider_id)

    def must_reach_feed(self, slug: str) -> None:
        """Raises :class:`NotFound` where a partner's key asks for another's feed: it is not told who else there is."""
        if self.role is Role.PARTNER and self.partner != slug:
            raise not_found("partner", slug)


NOUNS = (
    N_("provider"),
    N_("service"),
    N_("calendar"),
    N_("onboarding"),
    N_("price edit"),
    N_("connection"),
    N_("notice"),
    N_("partner"),
    N_("account manager"),
    N_("substitution"),
    N_("evidence"),
    N_("view"),
)


def not_found(what: str, id: str) -> NotFound:
    return NotFound(
        "There is no {what} “{id}”.",
        mend="Check the id; the lists show those there are.",
        what=what,
        id=id,
    )


def session_cookie(secure: bool) -> str:
    return "__Host-racord" if secure else "racord_session"


def allow(policy: Policy) -> Callable[..., Awaitable[Principal]]:
    """The dependency of a route that needs ``policy``: answers with the principal or refuses."""

    async def permitted(request: Request, context: Context) -> Principal:
        principal = await _identify(request, context)
        if not principal.may(policy):
            raise Forbidden(
                "The role “{role}” may not do this ({policy}).",
                mend="Ask an account manager to do it, or use a key with that right.",
                role=principal.role,
                policy=policy.value.replace("_", " "),
            )
        request.state.principal = principal
        return principal

    permitted.policy = policy  # type: ignore[attr-defined]  # read by the test that every route names one
    return permitted


def open_to_all(policy: Policy) -> Callable[[], Awaitable[None]]:
    """Names the policy of a route without a principal: ``PUBLIC``, or ``SIGNED_LINK`` whose token is the key."""

    async def permitted() -> None:
        return None

    permitted.policy = policy  # type: ignore[attr-defined]
    return permitted


async def _identify(request: Request, context: AppContext) -> Principal:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        found = await _by_key(context.database, key.strip())
    elif token := request.cookies.get(session_cookie(context.settings.served_securely)):
        found = await _by_session(context.database, token)
    else:
        found = None
    if found is None:
        raise Unauthenticated(
            "This needs a valid API key or a session; none was given, or it was revoked.",
            mend="Send “Authorization: Bearer KEY”, or sign in with a login link (`racord login-link`).",
        )
    return found


_KEY = select(ApiKeyRow.id, ApiKeyRow.name, ApiKeyRow.role, ApiKeyRow.provider_id, ApiKeyRow.partner).where(
    ApiKeyRow.key_hash == bindparam("hash"), ApiKeyRow.revoked_at.is_(None)
)
_SESSION = select(
    SessionRow.id, SessionRow.name, SessionRow.role, SessionRow.provider_id, null().label("partner")
).where(
    SessionRow.token_hash == bindparam("hash"),
    SessionRow.revoked_at.is_(None),
    SessionRow.expires_at > func.now(),
)


async def _by_key(database: Database, key: str) -> Principal | None:
    return await _principal("api_key", database, _KEY, key)


async def _by_session(database: Database, token: str) -> Principal | None:
    return await _principal("session", database, _SESSION, token)


async def _principal(
    kind: str, database: Database, ask: Select[str, str, str, str | None, Any], secret: str
) -> Principal | None:
    async with database.single.connect() as connection:
        row = (await connection.execute(ask, {"hash": hashed(secret)})).one_or_none()
    if row is None:
        return None
    return Principal(
        kind=kind,
        id=row.id,
        name=row.name,
        role=Role(row.role),
        provider_id=row.provider_id,
        partner=row.partner,
    )


Reader = Annotated[Principal, Depends(allow(Policy.READ))]
CatalogueEditor = Annotated[Principal, Depends(allow(Policy.EDIT_CATALOGUE))]
