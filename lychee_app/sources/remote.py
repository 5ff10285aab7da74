"""The images at an address (addresses.py), by the rules of a walk. No file is opened: names tell."""

from lychee_app.addresses import listed
from lychee_app.errors import UsageError
from lychee_app.intake.sniff import SPOKEN
from lychee_app.sources.left_out import Rules, Tally
from lychee_app.sources.uploads import Chosen, picked
from lychee_app.sources.walk import Hit

_UNTOLD = {"companions", "others"}
"""Kinds that a walk does not count either."""


def remote(address: str, rules: Rules, tally: Tally) -> list[Hit]:
    """In the order in which people count. Raises UsageError where nothing of it is meant."""
    found, is_itself = listed(address)
    if is_itself:
        return [Hit(one.address, one.name, hash(one.address), version=one.version) for one in found]
    chosen = picked([Chosen(f"./{one.name}", one.size_bytes) for one in found], rules)
    tally.met.update(glob for glob in rules.exclude if glob not in chosen.unmet)
    for kind, count in chosen.left_out.items():
        if kind not in _UNTOLD:
            tally.add(kind, address, count)
    if not chosen.wanted:
        raise UsageError("folder-without-images", path=address, formats=SPOKEN)
    meant = (found[place] for place in chosen.wanted)
    return [Hit(one.address, one.name, hash(one.address), version=one.version) for one in meant]
