"""A page's form is sent: the action's call of the API is made, or only its dry run is looked at."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from fastapi import Depends, Request

from api.context import AppContext
from api.pages.calls import ONCE_FIELD, Answered, call_api
from api.pages.forms import body_from_form, grouped
from api.pages.offers import Attempted
from api.pages.previews import CONFIRM, CONFIRM_FIELD, DRY_RUN, PREVIEW_FIELD, has_dry_run, shown, takes
from api.pages.reader import reader_of
from api.pages.uploads import Files, files_in, uploaded
from api.schemas.onboardings import ActionView
from domain.errors import Conflict


@dataclass(frozen=True)
class Sent:
    """A form as it came; ``only_looks``: with the button that shows what the change would lead to.

    ``confirms``: with the one that says that a sudden change is meant.
    """

    items: tuple[tuple[str, str], ...]
    files: Files
    step: str
    name: str
    href: str
    once: str
    only_looks: bool
    confirms: bool

    @classmethod
    async def by(cls, request: Request) -> "Sent":
        form = await request.form()
        items = tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))
        own = dict(items)
        step, name, href, once = (own.get(key, "") for key in ("_step", "_action", "_href", ONCE_FIELD))
        files = files_in(form.multi_items())
        return cls(items, files, step, name, href, once, PREVIEW_FIELD in own, CONFIRM_FIELD in own)


async def _form_closed(request: Request) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await request.close()


# Of a route that reads a form: the files that came with it are closed with the request.
CLOSING = Depends(_form_closed)


def not_offered(action: str) -> Conflict:
    """The refusal of an action, named in the reader's language, that there is no form for now."""
    return Conflict(
        "“{action}” is not offered any more: things have moved on since you opened the page.",
        mend="Look at where the step stands now.",
        action=action,
    )


async def attempt(
    request: Request, context: AppContext, sent: Sent, action: ActionView
) -> Answered | Attempted:
    """The API's yes; or what is to be shown again as typed: nothing was done, for it was refused or only looked at."""
    if sent.only_looks:
        return await _looked_at(request, context, sent, action)
    ids, problem = await uploaded(request, sent.files, action.body_schema, sent.once)
    sent = replace(sent, items=(*sent.items, *ids))
    if problem is not None:
        return Attempted(sent.step, sent.name, grouped(sent.items), problem)
    body = body_from_form(action.body_schema, sent.items)
    href = _same_object(sent.href, action)
    if sent.confirms and takes(request.app, action.method, action.href, CONFIRM):
        href = f"{href}?{CONFIRM}=true"
    answer = await call_api(request, action.method, href, body, once=sent.once)
    if answer.problem is None:
        return answer
    in_doubt = sent.once if answer.status >= 500 else None
    return Attempted(sent.step, sent.name, grouped(sent.items), answer.problem, in_doubt)


async def _looked_at(request: Request, context: AppContext, sent: Sent, action: ActionView) -> Attempted:
    typed = grouped(sent.items)
    if not has_dry_run(request.app, action.method, action.href):
        return Attempted(sent.step, sent.name, typed)
    body, href = body_from_form(action.body_schema, sent.items), f"{action.href}?{DRY_RUN}=true"
    answer = await call_api(request, action.method, href, body, once="")
    if answer.problem is not None:
        return Attempted(sent.step, sent.name, typed, answer.problem)
    partners = {one.slug: one.name for one in context.playbooks}
    preview = shown(answer.body, partners, reader_of(request).language)
    return Attempted(sent.step, sent.name, typed, preview=preview)


def _same_object(sent: str, action: ActionView) -> str:
    """A new object gets its id with the form, so that sending the form twice makes one: that address is kept."""
    parent, _, _ = action.href.rpartition("/")
    makes_anew = action.method == "PUT" and sent.rpartition("/")[0] == parent
    return sent if makes_anew and sent.rpartition("/")[2].replace("_", "").isalnum() else action.href
