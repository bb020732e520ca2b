"""The public shape of price edits: what a file or a bulk change would do, did, and how it is kept (R8, R16)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adapters.database.price_edits import Kept
from adapters.database.tables import PriceEditRow
from adapters.i18n import say
from adapters.price_files.reading import PriceSheet
from api.schemas.channels import ActorView, PriceList, PriceRow
from api.schemas.preview import ChannelEffect
from domain.price_import import Verdict, Weighed
from domain.prices import Priced, Source, Status

MOST_ROWS_SHOWN = 1000
_FIRST = (Status.ERROR, Status.CHANGED, Status.CLEARED, Status.NEW, Status.UNCHANGED)


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


class MoneyView(BaseModel):
    model_config = ConfigDict(title="Money")
    amount: str = Field(examples=["120.00"])
    currency: str = Field(examples=["RON"])

    @classmethod
    def of(cls, price: Priced | None) -> "MoneyView | None":
        return cls(amount=f"{price.amount:.2f}", currency=price.currency) if price else None


class PriceRowView(BaseModel):
    """What becomes of one row or service, and what is wrong or odd about it."""

    model_config = ConfigDict(title="Row of a price edit")
    line: int | None = Field(description="in the file, from 1; null where no row names the service")
    service_id: str | None
    code: str
    name: str
    status: Status
    old: MoneyView | None
    new: MoneyView | None
    column: str | None = Field(description="letter and title, e.g. `C (Preț)`")
    problem: str | None = Field(description="of an error, or a warning where `status` is another")
    mend: str | None
    problem_code: str | None = Field(description="stable, for programs")

    @classmethod
    def of(cls, one: Verdict, language: str) -> "PriceRowView":
        fault, offer, line = one.error or one.warning, one.offer, one.line
        return cls(
            line=line.number if line else None,
            service_id=offer.id if offer else None,
            code=(line.code if line else "") or (offer.code if offer else ""),
            name=(line.name if line else "") or (offer.name if offer else ""),
            status=one.status,
            old=MoneyView.of(offer.price if offer else None),
            new=MoneyView.of(one.new),
            column=fault.column or None if fault else None,
            problem=say(language, fault.said.detail_id, fault.said.gaps) if fault else None,
            mend=say(language, fault.said.mend_id, fault.said.gaps) if fault else None,
            problem_code=fault.said.reason if fault else None,
        )


class Summary(BaseModel):
    """Counts of all rows and services, shown or not."""

    new: int
    changed: int
    cleared: int
    unchanged: int
    errors: int
    warnings: int
    skipped: int = Field(description="headings and totals of a file; services deleted since, in an undo")


class ReadAs(BaseModel):
    """How the file was understood."""

    model_config = ConfigDict(title="How the file was read")
    sheet: str | None
    encoding: str | None
    separator: str | None
    header_line: int
    columns: dict[str, str] = Field(description="letter and title by meaning: code, name, price, currency")

    @classmethod
    def of(cls, sheet: PriceSheet) -> "ReadAs":
        return cls(**{name: getattr(sheet, name) for name in cls.model_fields})


class PriceEditAnswer(BaseModel):
    """What an edit does (`dry_run`) or did. Without `edit_id` nothing was changed."""

    model_config = ConfigDict(title="Price edit done or previewed")
    edit_id: str | None
    dry_run: bool
    version: int = Field(description="the channel's, its ETag")
    summary: Summary
    rows: list[PriceRowView] = Field(
        description=f"errors first, then what changes, at most {MOST_ROWS_SHOWN}"
    )
    rows_left_out: int
    read_as: ReadAs | None = None
    channels: list[ChannelEffect] | None = Field(
        default=None,
        description="of a dry run: what it would lead to, wrong rows left out and sudden changes confirmed",
    )

    prices: list[PriceRow] | None = Field(
        default=None, description="of `PUT`: the whole price list as it is then, by the services' code"
    )

    @classmethod
    def of(
        cls,
        weighed: Weighed,
        language: str,
        *,
        edit_id: str | None,
        dry_run: bool,
        version: int,
        sheet: PriceSheet | None = None,
        whole_list: list[Priced] | None = None,
    ) -> "PriceEditAnswer":
        ordered = sorted(
            weighed.verdicts,
            key=lambda one: (_FIRST.index(one.status), one.warning is None),
        )
        shown = ordered[:MOST_ROWS_SHOWN]
        return cls(
            edit_id=edit_id,
            dry_run=dry_run,
            version=version,
            summary=Summary(
                new=weighed.count(Status.NEW),
                changed=weighed.count(Status.CHANGED),
                cleared=weighed.count(Status.CLEARED),
                unchanged=weighed.count(Status.UNCHANGED),
                errors=weighed.count(Status.ERROR),
                warnings=sum(one.warning is not None for one in weighed.verdicts),
                skipped=weighed.skipped,
            ),
            rows=[PriceRowView.of(one, language) for one in shown],
            rows_left_out=len(ordered) - len(shown),
            read_as=ReadAs.of(sheet) if sheet else None,
            prices=None if whole_list is None else PriceList.of(whole_list).prices,
        )


class PriceEditsAnswer(BaseModel):
    """What the edits of several channels do or did; all of them, or none."""

    model_config = ConfigDict(title="Price edits done or previewed")
    dry_run: bool
    edits: dict[str, PriceEditAnswer] = Field(description="one for each channel, by partner")


class PriceEditView(BaseModel):
    """One saved change of a price list: who, when, through what."""

    model_config = ConfigDict(title="Price edit", from_attributes=True)
    id: str
    partner: str
    source: Source
    author: ActorView
    at: datetime
    changes: int = Field(description="services whose price changed")
    file_name: str | None
    file_sha256: str | None
    undoes: str | None = Field(description="the edit that this one took back")
    undone_by: str | None = Field(description="the edit that took this one back")

    @classmethod
    def of(cls, row: PriceEditRow) -> "PriceEditView":
        kept: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields}
        return cls(**{**kept, "author": ActorView.of(row.author)})


class PriceEditPage(BaseModel):
    items: list[PriceEditView]
    next_cursor: str | None


class PriceChangeView(BaseModel):
    """One line of an edit; without `old` the price was new, without `new` it was taken away."""

    model_config = ConfigDict(title="Change of a price")
    service_id: str
    code: str
    name: str
    deleted: bool = Field(description="the service is deleted since")
    old: MoneyView | None
    new: MoneyView | None

    @classmethod
    def of(cls, line: Kept) -> "PriceChangeView":
        return cls(
            service_id=line.service_id,
            code=line.code,
            name=line.name,
            deleted=line.is_deleted,
            old=MoneyView.of(line.old),
            new=MoneyView.of(line.new),
        )


class PriceEditDetail(PriceEditView):
    """An edit with its lines, by the services' code; a page of them."""

    model_config = ConfigDict(title="Price edit with its changes")
    items: list[PriceChangeView] = []
    next_cursor: str | None = None
