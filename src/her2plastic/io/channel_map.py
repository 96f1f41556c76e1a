"""Which channel of a file is which: names in the file, a map of the user, and the roles that the package knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from her2plastic._errors import ChannelError
from her2plastic.io.channel_names import with_roles
from her2plastic.io.slide import ROLES, role_names

#: Role to index or name in the file, or names in the order of the file.
ChannelMap = Mapping[str, int | str] | Sequence[str]


def mapped_channels(place: str, stored: Sequence[str], said: ChannelMap | None, *, hint: str = "") -> tuple[str, ...]:
    """Return the names of a slide's channels.

    Without a map, names that stand for a role, such as panCK, ErbB2 or Hoechst 33342, are that role.
    Channels that a map does not name keep the file's name, or are called by their number.
    """
    names = [name.strip() or f"channel {number}" for number, name in enumerate(stored)]
    if said is None:
        told = with_roles(place, names, ROLES)
        _check_known(place, stored, told, hint)
        return role_names(told)
    if isinstance(said, str):
        raise ChannelError(f"channels={said!r}: expected a map like {{'DAPI': 0, 'CK': 'PE'}}, or names in order.")
    if not isinstance(said, Mapping):
        if len(said) != len(names):
            raise ChannelError(
                f"{place}: has {len(names)} channels ({', '.join(names)}), but channels names {len(said)} "
                f"({', '.join(map(str, said))}). Name them all, in order."
            )
        return role_names(said)
    taken: dict[int, str] = {}
    for role, which in said.items():
        index = _index(place, names, role, which)
        if index in taken:
            raise ChannelError(f"{place}: channels says that {names[index]!r} is both {taken[index]} and {role}.")
        taken[index] = role
    return role_names([taken.get(number, name) for number, name in enumerate(names)])


def _index(place: str, names: list[str], role: str, which: int | str) -> int:
    there = ", ".join(f"{number}: {name!r}" for number, name in enumerate(names))
    if isinstance(which, str):
        alike = [number for number, name in enumerate(names) if name == which] or [
            number for number, name in enumerate(names) if name.lower() == which.strip().lower()
        ]
        # a file's whole name, of which the channel's is the end
        alike = alike or [n for n, name in enumerate(names) if re.search(rf"[_\-. ]{re.escape(name)}$", which.strip())]
        if len(alike) != 1:
            found = "no channel" if not alike else f"{len(alike)} channels"
            raise ChannelError(
                f"{place}: channels says {role} is {which!r}, but {found} of that name is here: {there}."
            )
        return alike[0]
    if not 0 <= which < len(names):
        raise ChannelError(f"{place}: channels says {role} is number {which}, but the channels are {there}.")
    return int(which)


def _check_known(place: str, stored: Sequence[str], names: list[str], hint: str) -> None:
    roles = {role.lower() for role in ROLES}
    if not any(name.lower() in roles for name in names):
        there = f"calls its channels {', '.join(map(repr, names))}" if any(stored) else "does not name its channels"
        raise ChannelError(
            f"{place}: {there} ({len(names)}); which is DAPI, CK, CD45 and HER2 has to be said: channels={{'DAPI': 0, "
            f"...}}, by number or name.{hint}"
        )
