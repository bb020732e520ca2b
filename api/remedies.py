"""The call of the catalogue that makes a fact hold, described so that nothing else is needed to make it.

That is: a concrete address, and the JSON Schema of the body with what may be chosen (services by code and
name) and what would do (``default``). A default may hold nulls where only a person knows the value.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels, catalogue_services, ticks
from adapters.database.tables import Service
from adapters.i18n import translations
from adapters.identifiers import new_id
from api.context import AppContext
from api.schemas.calendars import CalendarBody
from api.schemas.channels import Acceptance, ChannelChange, PriceList, Published
from domain.facts import Remedy

PREFIX = "/api/v1"
# Beyond this many services a page of choices helps nobody: the schema names the list in their place.
MOST_CHOICES = 500


_ADDRESSES: dict[Remedy, tuple[str, str]] = {
    Remedy.PUT_CALENDAR: ("PUT", "/calendars/{new}"),
    Remedy.ENABLE_CHANNEL: ("PATCH", "/channels/{slug}"),
    Remedy.PUBLISH_SERVICES: ("PUT", "/channels/{slug}/published"),
    Remedy.SET_PRICES: ("PUT", "/channels/{slug}/prices"),
    Remedy.ACCEPT_CONSENT: ("POST", "/channels/{slug}/consent"),
}


def remedy_address(remedy: Remedy, provider_id: str, slug: str) -> tuple[str, str]:
    """Method and address of the call, without what may be chosen in its body, which would cost queries."""
    method, path = _ADDRESSES[remedy]
    return method, f"{PREFIX}/providers/{provider_id}{path.format(slug=slug, new=new_id('cal'))}"


@dataclass(frozen=True)
class RemedyCall:
    """Send a body of ``body_schema`` (JSON Schema, no references) with ``method`` to ``href``."""

    name: str
    method: str
    href: str
    body_schema: dict[str, Any]


@dataclass(frozen=True)
class _Case:
    """For whom a call is described."""

    session: AsyncSession
    context: AppContext
    provider_id: str
    slug: str
    language: str

    @property
    def provider_href(self) -> str:
        return f"{PREFIX}/providers/{self.provider_id}"

    @property
    def words(self) -> NullTranslations:
        return translations(self.language)

    async def services(self) -> list[Service] | None:
        """The provider's services by code; None where they are too many to choose from on a page."""
        ask = catalogue_services.list_services(self.session, self.provider_id, limit=MOST_CHOICES + 1)
        found = list(await ask)
        return found if len(found) <= MOST_CHOICES else None

    async def ticked(self) -> frozenset[str]:
        return frozenset(await catalogue_channels.published(self.session, self.provider_id, self.slug))

    def choose(self, field: dict[str, Any], services: list[Service] | None) -> None:
        """Says in the schema of one service's id what there is to choose from."""
        if services:
            field["oneOf"] = [{"const": one.id, "title": f"{one.code} {one.name}"} for one in services]
            field.pop("pattern", None)
            field.pop("examples", None)
        else:
            where = f"GET {self.provider_href}/services"
            words = self.words.gettext("An id from the provider's list of services: {where}")
            field["description"] = words.format(where=where)


async def remedy_call(
    remedy: Remedy, session: AsyncSession, context: AppContext, provider_id: str, slug: str, language: str
) -> RemedyCall:
    """The call that makes the remedy's fact hold on that channel; titles are in ``language``."""
    method, href = remedy_address(remedy, provider_id, slug)
    schema = await _SCHEMAS[remedy](_Case(session, context, provider_id, slug, language))
    return RemedyCall(remedy, method, href, schema)


async def _put_calendar(case: _Case) -> dict[str, Any]:
    """A new calendar; by default it offers what is ticked and has no availability, else all that has none."""
    schema, services = _schema(case, CalendarBody), await case.services()
    case.choose(schema["properties"]["service_ids"]["items"], services)
    without = ticks.Filter(has_calendar=False)
    lame = await ticks.chosen(case.session, case.provider_id, case.slug, without, datetime.now(UTC))
    bare = [one.id for one in services or () if one.id in lame]
    ticked = await case.ticked()
    schema["properties"]["service_ids"]["default"] = [id for id in bare if id in ticked] or bare
    schema["properties"]["physician"].pop("examples", None)
    return schema


async def _enable_channel(case: _Case) -> dict[str, Any]:
    schema = _schema(case, ChannelChange)
    schema["properties"]["enabled"] |= {"const": True, "default": True}
    return schema


async def _publish_services(case: _Case) -> dict[str, Any]:
    """All services are ticked by default, where they are few enough to be listed."""
    schema, services = _schema(case, Published), await case.services()
    field = schema["properties"]["service_ids"]
    case.choose(field["items"], services)
    if services is not None:
        field["default"] = [one.id for one in services]
    return schema


async def _set_prices(case: _Case) -> dict[str, Any]:
    """The default is the whole list, since PUT replaces it.

    Services without a price come first (amount null; ticked ones before the others), then the others.
    """
    schema, services = _schema(case, PriceList), await case.services()
    field = schema["properties"]["prices"]
    row = field["items"]["properties"]
    currency = case.context.playbooks.get(case.slug).currency
    case.choose(row["service_id"], services)
    row["currency"] = {"title": row["currency"]["title"], "const": currency, "default": currency}
    field["description"] = case.words.gettext(
        "The whole price list: a service that is not in it has no price."
    )
    if services is not None:
        known = await catalogue_channels.prices(case.session, case.provider_id, case.slug)
        amounts = {price.service_id: f"{price.amount:.2f}" for price in known}
        ticked = await case.ticked()
        services.sort(key=lambda one: (one.id in amounts, one.id not in ticked))
        field["default"] = [
            {"service_id": one.id, "amount": amounts.get(one.id), "currency": currency} for one in services
        ]
    return schema


async def _accept_consent(case: _Case) -> dict[str, Any]:
    playbook = case.context.playbooks.get(case.slug)
    declaration = case.context.declarations.in_force(playbook, case.language)
    _, href = remedy_address(Remedy.ACCEPT_CONSENT, case.provider_id, case.slug)
    schema = _schema(case, Acceptance)
    fields = schema["properties"]
    fields["version"] = {
        "title": fields["version"]["title"],
        "description": case.words.gettext("The declaration to read first: {where}").format(
            where=f"GET {href}?language={declaration.language}"
        ),
        "const": declaration.version,
        "default": declaration.version,
    }
    fields["language"] = {
        "title": fields["language"]["title"],
        "const": declaration.language,
        "default": declaration.language,
    }
    for field in fields["accepted_by"]["properties"].values():
        field.pop("examples", None)
    return schema


_SCHEMAS: dict[Remedy, Callable[[_Case], Awaitable[dict[str, Any]]]] = {
    Remedy.PUT_CALENDAR: _put_calendar,
    Remedy.ENABLE_CHANNEL: _enable_channel,
    Remedy.PUBLISH_SERVICES: _publish_services,
    Remedy.SET_PRICES: _set_prices,
    Remedy.ACCEPT_CONSENT: _accept_consent,
}


def _schema(case: _Case, body: type[BaseModel]) -> dict[str, Any]:
    """The body's JSON Schema, references written out and titles in the reader's language."""
    schema = body.model_json_schema()
    made: dict[str, Any] = _written_out(schema, schema.pop("$defs", {}), case.words.gettext)
    return made


def _written_out(node: Any, known: dict[str, Any], say: Callable[[str], str]) -> Any:
    if isinstance(node, list):
        return [_written_out(item, known, say) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**known[node["$ref"].rsplit("/", 1)[-1]], **{k: v for k, v in node.items() if k != "$ref"}}
    return {
        name: say(value) if name == "title" and isinstance(value, str) else _written_out(value, known, say)
        for name, value in node.items()
    }
