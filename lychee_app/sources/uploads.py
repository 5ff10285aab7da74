"""Files chosen in a browser, some of them in folders: which of them are meant, before any is sent."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lychee_app import intake
from lychee_app.sources import companions
from lychee_app.sources.left_out import PICTURES, Rules, Tally
from lychee_app.sources.walk import in_natural_order, is_a_picture, suffix_of
from lychee_app.store.store import FILE_NAME


@dataclass(frozen=True)
class Chosen:
    """A name with slashes is a path below the folder that was given. `head`: the first bytes of a file in a
    folder whose name does not tell what it is."""

    name: str
    size_bytes: int = 0
    head: bytes = b""


@dataclass(frozen=True)
class Picked:
    """`wanted`: places in what was chosen, in the order in which they are added; how many of each kind are
    `left_out`."""

    wanted: tuple[int, ...]
    left_out: Mapping[str, int]


def picked(files: Sequence[Chosen], rules: Rules) -> Picked:
    """What a walk of the same folders would find. A file outside of one is meant, whatever it is. Of a shot
    only the picture is taken.
    """
    tally = Tally()
    folders: dict[str, list[int]] = {}
    data_folders = {posixpath.dirname(one.name) for one in files if posixpath.basename(one.name) == FILE_NAME}
    for place, file in enumerate(files):
        if kind := _kind(file, rules, data_folders):
            tally.add(kind, file.name)
        else:
            folders.setdefault(posixpath.dirname(file.name), []).append(place)
    names = [file.name for file in files]
    wanted = _shots(folders.pop("", []), names, tally, is_meant=True)
    inside = [place for folder in folders.values() for place in _shots(folder, names, tally, is_meant=False)]
    inside.sort(key=lambda place: [in_natural_order(part) for part in names[place].split("/")])
    large = {place for place in (*wanted, *inside) if files[place].size_bytes > intake.MAX_FILE_BYTES}
    tally.add("large", n=len(large))
    return Picked(tuple(place for place in (*wanted, *inside) if place not in large), tally.counts)


def _kind(file: Chosen, rules: Rules, data_folders: set[str]) -> str | None:
    """Why it is left out."""
    *folders, name = file.name.split("/")
    path = "/".join([*folders[1:], name])
    for depth in range(1, len(folders)):
        above = "/".join(folders[:depth])
        below = "/".join(folders[1 : depth + 1])
        if kind := rules.kind_of_folder(folders[depth], below, is_beside_data=above in data_folders):
            return kind
    kind = rules.kind_of_file(name, path)
    if not folders:
        return kind if kind == "excluded" else None
    if kind is None and suffix_of(name) not in PICTURES | companions.SUFFIXES:
        return None if is_a_picture(file.head) else "others"
    return kind


def _shots(places: list[int], all_names: list[str], tally: Tally, *, is_meant: bool) -> list[int]:
    """Those of one folder, without what goes with another of them; `is_meant`: with what is no picture."""
    names = [posixpath.basename(all_names[place]) for place in places]
    pictures = [name for name in names if suffix_of(name) not in companions.NEVER_ALONE | {".json"}]
    groups = companions.grouped(pictures, [name for name in names if suffix_of(name) in companions.SUFFIXES])
    carried = {name for group in groups.values() for name in group}
    kept = set(names) - carried if is_meant else groups.keys()
    lonely = set(names) - carried - kept
    sidecars = {name for name in lonely if suffix_of(name) in companions.SIDECARS}
    tally.add("companions", n=len(carried))
    tally.add("sidecars", n=len(sidecars))
    tally.add("others", n=len(lonely - sidecars))
    return [place for place, name in zip(places, names, strict=True) if name in kept]
