"""Whether the tools of a list look prefixed with the names of several servers, as on a virtual server."""

from collections import Counter
from collections.abc import Sequence

_SEPARATORS = ("__", ".", "/", ":", "_", "-")
_WORD_SEPARATORS = ("_", "-")  # which also separate the words of a name that has no prefix
_COMMON = """add call check close convert count create delete describe do download echo edit execute fetch find get insert is
list load make move open patch post put query read remove rename resolve run save search send set show start stop submit
update upload validate write"""
_VERBS = frozenset(_COMMON.split())


def prefixes(names: Sequence[str]) -> tuple[str, dict[str, int]]:
    """Return the separator and the number of tools behind each prefix; ("", {}) where the names do not look prefixed.

    Every name has to have a prefix, and fewer prefixes than names. `-` and `_` separate words as well: there, each prefix needs
    two tools, and none may be a common verb.
    """
    for separator in _SEPARATORS:
        cut = [name.partition(separator) for name in names]
        if len(names) < 2 or not all(before and after for before, _, after in cut):
            continue
        counts = Counter(before for before, _, _ in cut)
        if len(counts) == len(names):
            continue
        words = separator in _WORD_SEPARATORS
        if words and (min(counts.values()) < 2 or any(one.lower() in _VERBS for one in counts)):
            continue
        return separator, dict(counts.most_common())
    return "", {}
