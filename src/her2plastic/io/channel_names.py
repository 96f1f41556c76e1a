"""Names that files give to the channels of a slide, and the roles that they stand for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import cache

from her2plastic._errors import DataWarning
from her2plastic.reference.tables import stored_table

#: Parts of a name that tell a dye, a wavelength or a number of the microscope, not the stain.
_BESIDE = re.compile(
    r"(?:pe|apc|fitc|tritc|gfp|cy\d(?:\.5)?|af\d{3}|alexa(?:fluor)?\d*|fluor|dylight\d*|opal\d*|texas|red|\d{3}(?:nm)?|"
    r"ch(?:annel)?\d*|c\d+|w\d+|0\d+)"
)


@cache
def _roles() -> dict[str, tuple[str, int]]:
    table = stored_table("channel_names")
    return {
        str(name): (str(role), int(rank))
        for role, name, rank in zip(table["role"], table["name"], table["rank"], strict=True)
    }


def role_of(name: str) -> tuple[str, int] | None:
    """Return the role that a name stands for and its rank among such names, or None."""
    parts = [part for part in re.split(r"[\s_\-.:;,()\[\]]+", name.lower()) if part]
    stain = [part for part in parts if not _BESIDE.fullmatch(part)]
    plain = ["".join(re.findall("[a-z0-9]", "".join(given))) for given in (parts, stain)]
    return next((_roles()[key] for key in plain if key in _roles()), None)


def with_roles(place: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return channel names, with a role in the place of the one name that stands for it best.

    Parameters
    ----------
    place
        File, for messages.
    names
        As the file has them.
    known
        The roles; one that is there by its own name takes no other channel.
    """
    found = list(names)
    there = {name.strip().lower() for name in names}
    for role in known:
        fits = [(number, fit[1]) for number, name in enumerate(names) if (fit := role_of(name)) and fit[0] == role]
        if role.lower() in there or not fits:
            continue
        best = min(rank for _, rank in fits)
        alike = [number for number, rank in fits if rank == best]
        if len(alike) == 1:
            found[alike[0]] = role
            continue
        listed = ", ".join(repr(names[number]) for number in alike)
        warnings.warn(
            f"{place}: {listed} may each be {role}, and none of them is taken for it; say which: "
            f"channels={{{role!r}: {names[alike[0]]!r}, ...}}.",
            DataWarning,
            stacklevel=4,
        )
    return found
