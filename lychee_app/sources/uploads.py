"""Files chosen in a browser, some of them in folders: which of them are meant, before any is sent."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.intake.sniff import sniff
from lychee_app.reasons import Reason
from lychee_app.sources import companions
from lychee_app.sources.left_out import KIND_UNREAD, NOT_LOOKED_INTO, PICTURES, Rules, Tally
from lychee_app.sources.walk import in_natural_order, is_a_picture, suffix_of
from lychee_app.store.store import FILE_NAME


@dataclass(frozen=True)
class Chosen:
    """A name with slashes is a path below the folder that was given. `head`: the first bytes of a file whose
    name does not tell that it is a picture."""

    name: str
    size_bytes: int = 0
    head: bytes = b""


@dataclass(frozen=True)
class Picked:
    """`wanted`: places in what was chosen, in the order in which they are added; how many of each kind are
    `left_out`. `refused`: files that were chosen one by one and are no images, by name, and why. `unmet`:
    globs that excluded nothing."""

    wanted: tuple[int, ...]
    left_out: Mapping[str, int]
    refused: tuple[tuple[str, Reason], ...] = ()
    unmet: tuple[str, ...] = ()


def picked(files: Sequence[Chosen], rules: Rules) -> Picked:
    """What a walk of the same folders would find. A file outside of one is meant, and refused where it is no
    image. Of a shot only the picture is taken.
    """
    tally, names = Tally(), [file.name for file in files]
    folders: dict[str, list[int]] = {}
    for place in _held(files, rules, tally):
        folders.setdefault(posixpath.dirname(names[place]), []).append(place)
    alone = _shots(folders.pop("", []), names, tally, is_meant=True)
    why_not = {place: why for place in alone if (why := _why_not(files[place]))}
    inside = [place for folder in folders.values() for place in _shots(folder, names, tally, is_meant=False)]
    inside.sort(key=lambda place: [in_natural_order(part) for part in names[place].split("/")])
    found = [*(place for place in alone if place not in why_not), *inside]
    wanted = tuple(place for place in found if files[place].size_bytes <= intake.MAX_FILE_BYTES)
    tally.add("large", n=len(found) - len(wanted))
    refused = tuple((names[place], why) for place, why in why_not.items())
    return Picked(wanted, tally.counts, refused, rules.unmet(tally.met))


def _held(files: Sequence[Chosen], rules: Rules, tally: Tally) -> list[int]:
    """Those that the rules leave; the others are counted as a walk would."""
    data_folders = {posixpath.dirname(one.name) for one in files if posixpath.basename(one.name) == FILE_NAME}
    kept, closed = [], set[str]()
    for place, file in enumerate(files):
        *folders, name = file.name.split("/")
        suffix = suffix_of(name)
        kind, folder = _kind(file.name, rules, data_folders, tally)
        if kind in NOT_LOOKED_INTO:  # counted as one
            tally.add(kind, n=folder not in closed)
            closed.add(folder)
        elif kind == "unfinished":
            tally.add(kind, n=suffix_of(name.removesuffix(suffix)) in PICTURES)
        elif kind:
            tally.add(kind, n=suffix in PICTURES or kind == "system" or not folders)
        elif not folders or suffix in PICTURES | companions.SUFFIXES or is_a_picture(file.head):
            kept.append(place)
        else:
            tally.add(KIND_UNREAD.get(suffix, "others"))
    return kept


def _kind(path: str, rules: Rules, data_folders: set[str], tally: Tally) -> tuple[str | None, str]:
    """Why a file is left out, None where it is not; and the folder that is, where it lies in one."""
    *folders, name = path.split("/")
    for depth in range(1, len(folders) + 1):
        folder, above = "/".join(folders[:depth]), "/".join(folders[: depth - 1])
        if _is_excluded(folder, rules, tally):
            return "excluded", folder
        parent, is_beside_data = posixpath.basename(above), above in data_folders
        kind = rules.kind_of_folder(
            folders[depth - 1], folder, parent=parent, is_beside_data=is_beside_data
        )
        if kind and above:  # what was given itself is meant, whatever it is called
            return kind, folder
    if _is_excluded(path, rules, tally):
        return "excluded", ""
    kind = rules.kind_of_file(name, path)
    return (kind if folders or kind == "system" else None), ""


def _is_excluded(path: str, rules: Rules, tally: Tally) -> bool:
    """By its name, its path below the folder that was given, or its path with that folder."""
    if not rules.exclude:
        return False
    _, _, below = path.partition("/")
    name = posixpath.basename(path)
    globs = {*rules.excluding(name, below or path), *rules.excluding(name, path)}
    tally.met.update(globs)
    return bool(globs)


def _why_not(file: Chosen) -> Reason | None:
    """Why a file is no image, where its name does not say that it is one."""
    if suffix_of(file.name) in PICTURES:
        return None
    try:
        sniff(file.head)
    except ImageError as error:
        return error.reason
    return None


def _shots(places: list[int], all_names: list[str], tally: Tally, *, is_meant: bool) -> list[int]:
    """Those of one folder, without what goes with another of them; `is_meant`: with what is no picture."""
    names = [posixpath.basename(all_names[place]) for place in places]
    pictures = [name for name in names if suffix_of(name) not in companions.NEVER_ALONE | {".json"}]
    groups = companions.grouped(pictures, [name for name in names if suffix_of(name) in companions.SUFFIXES])
    carried = {name for group in groups.values() for name in group}
    kept = set(names) - carried if is_meant else groups.keys()
    lonely = set(names) - carried - kept
    sidecars = {name for name in lonely if suffix_of(name) in companions.SIDECARS}
    films = {name for name in lonely if KIND_UNREAD.get(suffix_of(name)) == "films"}
    tally.add("companions", n=len(carried))
    tally.add("sidecars", n=len(sidecars))
    tally.add("films", n=len(films))
    tally.add("others", n=len(lonely - sidecars - films))
    return [place for place, name in zip(places, names, strict=True) if name in kept]
