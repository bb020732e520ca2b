"""Merged cells of a workbook: one price over several rows, or one title over several columns, says too little."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from typing import NamedTuple

from adapters.price_files.grid import column_of

_AREA = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")


class Merge(NamedTuple):
    """The area of a merged cell: rows from 1, columns from 0, the last ones included."""

    top: int
    bottom: int
    left: int
    right: int

    def holds(self, row: int, column: int) -> bool:
        return self.top <= row <= self.bottom and self.left <= column <= self.right


def merge_of(reference: str) -> Merge | None:
    """The area that “C5:C6” names; None where it names none."""
    found = _AREA.fullmatch(reference)
    return Merge(int(found[2]), int(found[4]), column_of(found[1]), column_of(found[3])) if found else None


def rows_sharing(merges: Iterable[Merge], column: int, rows: Collection[int]) -> dict[int, tuple[int, int]]:
    """Of these rows, those that have a cell of the column in common: the first and the last that have it, by row."""
    ordered, found, end = sorted(rows), dict[int, tuple[int, int]](), 0
    areas = (one for one in merges if one.left <= column <= one.right and one.top < one.bottom)
    for area in sorted(areas):
        first = bisect_left(ordered, max(area.top, end + 1))  # so that areas over each other cost nothing
        within = ordered[first : bisect_right(ordered, area.bottom)]
        end = max(end, area.bottom)
        if len(within) > 1:
            found |= dict.fromkeys(within, (within[0], within[-1]))
    return found
