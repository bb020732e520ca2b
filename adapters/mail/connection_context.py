"""What the mails of live connections speak of: notices (R14, R16), and the end (R17)."""

from collections.abc import Sequence

from adapters.database.connection_tables import NoticeRow
from adapters.database.tables import PriceEditRow, Provider
from adapters.mail.context import MailContext, Notice, common_context
from adapters.mail.notice_file import name_of
from domain.connection import Ended, LineNow
from domain.model import Actor
from domain.people import Ours
from domain.playbook import Playbook

# More than this nobody reads in a mail: all of them are in the file that goes along.
SHOWN = 20


def context_of_notice(
    playbook: Playbook,
    provider: Provider,
    row: NoticeRow,
    lines: Sequence[LineNow],
    edit: PriceEditRow | None,
    *,
    is_repeated: bool,
    to: str,
    ours: Ours,
    public_url: str,
    support_email: str,
) -> MailContext:
    """``edit`` is the saved change of prices that a price notice is about; with ``is_repeated`` the reader has had it."""
    notice = Notice(
        number=row.number,
        lines=tuple(lines[:SHOWN]),
        count=len(lines),
        file=name_of(row),
        saved_at=edit.at if edit else row.created_at,
        saved_by=Actor.model_validate(edit.author).name if edit else None,
        is_repeated=is_repeated,
        is_overtaken=any(line.later for line in lines),
    )
    common = common_context(
        playbook, provider, to=to, ours=ours, public_url=public_url, support_email=support_email
    )
    return common.model_copy(update={"notice": notice})


def context_of_end(
    playbook: Playbook,
    provider: Provider,
    ended: Ended,
    *,
    to: str,
    ours: Ours,
    public_url: str,
    support_email: str,
) -> MailContext:
    common = common_context(
        playbook, provider, to=to, ours=ours, public_url=public_url, support_email=support_email
    )
    return common.model_copy(update={"ended": ended})
