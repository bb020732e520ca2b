"""Long lists in a statement: one array, however many there are, and not one parameter each (Postgres takes 65,535)."""

from collections.abc import Iterable

from sqlalchemy import ARRAY, Select, Text, cast, func, select


def among(values: Iterable[str]) -> Select[tuple[str]]:
    """For ``column.in_(among(ids))``: planned well before and after the tables were analysed."""
    return select(func.unnest(cast(list(values), ARRAY(Text))))
