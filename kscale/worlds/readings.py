"""Whether two values of joined lists have one text, or one begins the other's.

The lists' product is never enumerated. Two readings of one text are followed from left
to right; what the one has that the other has not is a rest of one string, so there are
few states: (strings read by the one behind, by the one ahead, the rest).

Source: Sardinas & Patterson 1953, "A necessary and sufficient condition for the unique
decomposition of coded messages", with another list at each place.
"""

import bisect
import collections
import itertools
from collections.abc import Iterator, Sequence

Reading = tuple[str, ...]  # the strings of the first columns, joins before them


def find_prefix(
    lists: Sequence[Sequence[str]], joins: Sequence[str], whole: bool = False
) -> tuple[Reading, Reading] | None:
    """Finds two different values of which one's text begins the other's.

    Args:
      lists: the strings of each column, distinct; a value has one of each.
      joins: the text before each column's string.
      whole: the two texts must be the same.

    Returns:
      (the value whose text begins the other's, the other as far as it was read), or
      None. Where `whole`, both are values.

    Example:
      >>> find_prefix([["1", "11"], ["1", "11"]], ["", "-"])
      (('1', '-1'), ('1', '-11'))
      >>> find_prefix([["1", "11"], ["1", "11"]], ["", ""], whole=True)
      (('1', '11'), ('11', '1'))
    """
    columns = [sorted(j + x for x in xs) for xs, j in zip(lists, joins, strict=True)]
    known = [set(column) for column in columns]
    queue = collections.deque(_first_differences(columns))
    seen = set()
    while queue:
        behind, ahead, rest = queue.popleft()
        if not rest and len(behind) > len(ahead):
            behind, ahead = ahead, behind
        state = len(behind), len(ahead), rest
        if state in seen:
            continue
        seen.add(state)
        if len(behind) == len(columns):
            if not (whole and rest):
                return behind, ahead
            continue
        for x in _starting(columns[len(behind)], rest):
            queue.append((ahead, (*behind, x), x[len(rest) :]))
        for n in range(len(rest)):
            if rest[:n] in known[len(behind)]:
                queue.append(((*behind, rest[:n]), ahead, rest[n:]))
    return None


def _first_differences(
    columns: list[list[str]],
) -> Iterator[tuple[Reading, Reading, str]]:
    """Yields pairs that differ in the last string read, one for each rest."""
    same: Reading = ()
    for column in columns:
        rests = set()
        for i, (x, following) in enumerate(itertools.pairwise(column)):
            for longer in (
                _starting(column, x, i + 1) if following.startswith(x) else ()
            ):
                if (rest := longer[len(x) :]) not in rests:
                    rests.add(rest)
                    yield (*same, x), (*same, longer), rest
        same = (*same, column[0])


def _starting(column: list[str], start: str, first: int = 0) -> Iterator[str]:
    """Yields the strings of a sorted column, from index `first`, that begin so."""
    for i in range(bisect.bisect_left(column, start, first), len(column)):
        if not column[i].startswith(start):
            return
        yield column[i]
