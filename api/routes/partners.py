"""Partners: the insurers and assistance companies, each with its procedure and rules (R2–R16)."""

from typing import Annotated

from fastapi import APIRouter, Path

from adapters.playbooks import Playbooks
from api.access import Reader
from api.context import Context, Language
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.catalogue import PartnerPage, PartnerStep, PartnerView
from domain.consent import Standing
from domain.playbook import Playbook

router = APIRouter(tags=["partners"])

Partner = Annotated[
    str,
    Path(
        max_length=64,
        description="a partner's slug",
        examples=["generali", "europ-assistance", "global-assistance"],
    ),
]


def page_of(playbooks: Playbooks, limit: int, cursor: str | None) -> tuple[list[Playbook], str | None]:
    """One page of the partners, by slug, and the cursor of the next."""
    after = read_cursor(cursor, str)
    rest = sorted((one for one in playbooks if not after or one.slug > after[0]), key=lambda one: one.slug)
    return rest[:limit], cursor_of(rest[limit - 1].slug) if len(rest) > limit else None


def shown(playbook: Playbook, language: str, declaration: Standing) -> PartnerView:
    """What anybody signed in may know of a playbook: no contacts, no templates."""
    return PartnerView(
        slug=playbook.slug,
        name=playbook.name,
        country=playbook.country,
        languages=list(playbook.languages),
        currency=playbook.currency,
        channel_name=playbook.channel_name.in_(language),
        sync={**playbook.sync.model_dump(mode="json"), "notices_to": playbook.notices_to},
        declaration={"document": declaration.document, "version": declaration.in_force.version},
        steps=[
            PartnerStep(
                key=step.key,
                kind=step.kind,
                title=step.title.in_(language),
                help=step.help.in_(language) if step.help else None,
                needs=list(step.needs),
                actor=step.actor.value,
                due_working_days=step.due_working_days,
            )
            for step in playbook.steps
        ],
    )


@router.get("/partners")
async def listing(
    context: Context, language: Language, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> PartnerPage:
    """By slug."""
    playbooks, following = page_of(context.playbooks, limit, cursor)
    standing = context.declarations.standing
    return PartnerPage(
        items=[shown(one, language, standing(one)) for one in playbooks], next_cursor=following
    )


@router.get("/partners/{slug}")
async def one(slug: Partner, context: Context, language: Language, principal: Reader) -> PartnerView:
    """A partner's procedure: its steps, what each needs and who acts."""
    playbook = context.playbooks.get(slug)
    return shown(playbook, language, context.declarations.standing(playbook))
