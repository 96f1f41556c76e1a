"""How many donors have a somatic ERBB2 allele, by histology or another grouping of donors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import MissingKeyError, ParameterError, check_probability
from her2plastic.models.agreement import share_interval
from her2plastic.models.genotypes.association import Effect, fisher_odds_ratio
from her2plastic.tl.variants_result import MUTATED, NOT_SEEN, Variants


@dataclass(frozen=True)
class MutatedShares:
    """Shares of donors with a somatic ERBB2 allele, by group.

    Attributes
    ----------
    frame
        See :meth:`to_frame`.
    odds_ratio
        Odds of the first group against the second, with its exact interval and Fisher's p; only for two groups.
    groups
        Names of the groups, in order.
    level
        Probability that an interval holds.
    numbers
        What it rests on.
    """

    frame: pd.DataFrame
    odds_ratio: Effect
    groups: tuple[str, ...]
    level: float
    numbers: Mapping[str, int] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per group: ``group, mutated, donors, share, lower, upper, unknown, alleles``.

        ``donors`` are those of whom something can be said, ``unknown`` those whose alleles were covered too little,
        ``alleles`` the alleles found with their numbers.
        """
        return self.frame.copy()

    def summary(self) -> str:
        """Return what was found, a line each."""
        lines = []
        for row in self.frame.to_dict("records"):
            share = f", {row['share']:.0%} ({row['lower']:.0%} to {row['upper']:.0%})" if row["donors"] else ""
            alleles = f", {row['alleles']}" if row["alleles"] else ""
            known = f"{row['mutated']} of {row['donors']} mutated"
            lines.append(f"{row['group']}: {known}{share}{alleles}; {row['unknown']} not known")
        if "without a group, left out" in self.numbers:
            lines.append(f"{self.numbers['without a group, left out']} donors without a group are left out")
        found = self.odds_ratio
        if found.status != "ok":
            return "\n".join([*lines, found.status])
        compared = f"{self.groups[0]} against {self.groups[1]}"
        return "\n".join(
            [*lines, f"{compared}: odds ratio {found.value:.2f} ({found.lower:.2f} to {found.upper:.2f}), "
                     f"Fisher p = {found.p:.3g}"]
        )  # fmt: skip


def mutated_shares(
    data: Variants, *, donors: pd.DataFrame, group: str = "histology", least_alleles: float = 0.8, level: float = 0.95
) -> MutatedShares:
    """Compare how many donors have a somatic ERBB2 allele, such as lobular with ductal cancers.

    Parameters
    ----------
    data
        A result of :func:`variants`.
    donors
        A row per ``donor_id`` with its group.
    group
        Column of the groups.
    least_alleles
        Share of the alleles looked for that must have been covered well enough for a donor without a mutation to count.
    level
        Probability that an interval holds.

    Returns
    -------
    Shares with Jeffreys intervals, and Fisher's test for two groups.

    Raises
    ------
    MissingKeyError
        A column is not there.
    ParameterError
        A donor has two groups, no donor of the result has one, or a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> reads = pd.DataFrame({
    ...     "donor_id": ["1", "2", "3"], "sample_id": ["t1", "t2", "t3"], "material": "tumour tissue",
    ...     "variant": "L755S", "n_ref": [30, 40, 20], "n_alt": [12, 0, 20],
    ... })
    >>> found = hp.tl.variants(hp.io.read_alleles(reads))
    >>> donors = pd.DataFrame({"donor_id": ["1", "2", "3"], "histology": ["lobular", "ductal", "ductal"]})
    >>> print(hp.tl.mutated_shares(found, donors=donors).summary())
    ductal: 1 of 2 mutated, 50% (6% to 94%), L755S 1; 0 not known
    lobular: 1 of 1 mutated, 100% (15% to 100%), L755S 1; 0 not known
    ductal against lobular: odds ratio 0.00 (0.00 to 78.00), Fisher p = 1
    """
    check_probability("level", level)
    if not 0 <= least_alleles <= 1:
        raise ParameterError(f"least_alleles={least_alleles!r}: expected a share of at least 0 and at most 1")
    for name in (_keys.DONOR_ID, group):
        if name not in donors:
            raise MissingKeyError("donors", name, donors.columns)
    own = donors.dropna(subset=[group])[[_keys.DONOR_ID, group]].astype(str).drop_duplicates()
    if own[_keys.DONOR_ID].duplicated().any():
        twice = own.loc[own[_keys.DONOR_ID].duplicated(), _keys.DONOR_ID].iloc[0]
        raise ParameterError(f"donors: {twice!r} has two values of {group!r}; expected one per donor")
    of_donor = _donors(data.frame, least_alleles)
    theirs = set(of_donor[_keys.DONOR_ID])
    if theirs and not theirs & set(own[_keys.DONOR_ID]):
        raise ParameterError(
            f"donors: none of {', '.join(sorted(theirs)[:3])}, ... has a {group!r}; the table names "
            f"{', '.join(own[_keys.DONOR_ID][:3])}, ... Give both the same names."
        )
    told = own.merge(of_donor, on=_keys.DONOR_ID, how="left")
    names = tuple(sorted(told[group].unique()))
    rows = [_row(name, told[told[group] == name], level) for name in names]
    frame = pd.DataFrame(rows, columns=["group", "mutated", "donors", "share", "lower", "upper", "unknown", "alleles"])
    if len(names) == 2:
        table = frame[["mutated", "donors"]].to_numpy(dtype=int)
        odds = fisher_odds_ratio(np.column_stack([table[:, 0], table[:, 1] - table[:, 0]]), level=level)
    else:
        odds = Effect.lacking(f"{len(names)} groups, 2 needed for a test", int(frame["donors"].sum()))
    numbers = {"donors": int(frame["donors"].sum()), "not known": int(frame["unknown"].sum())}
    without = len(theirs - set(own[_keys.DONOR_ID]))
    numbers |= {"without a group, left out": without} if without else {}
    return MutatedShares(frame, odds, names, level, numbers)


def _donors(frame: pd.DataFrame, least: float) -> pd.DataFrame:
    """Return a row per donor: mutated, not, or missing where too few alleles were covered."""
    tumour = frame[frame["origin"].ne("germline") & frame["call"].ne("germline")]
    found = []
    for donor, rows in tumour.groupby(_keys.DONOR_ID, sort=True):
        called = sorted(rows.loc[rows["call"] == MUTATED, "variant"].unique())
        covered = rows.loc[rows["call"].isin([MUTATED, NOT_SEEN]), "hgvs_c"].nunique()
        enough = covered >= least * rows["hgvs_c"].nunique() and covered > 0
        found.append((str(donor), 1.0 if called else 0.0 if enough else np.nan, called))
    return pd.DataFrame(found, columns=[_keys.DONOR_ID, "mutated", "called"])


def _row(name: str, told: pd.DataFrame, level: float) -> dict[str, object]:
    known = told["mutated"].notna()
    mutated, n = int(told["mutated"].sum()), int(known.sum())
    lower, upper = share_interval(mutated, n, level) if n else (np.nan, np.nan)
    tally = pd.Series([allele for alleles in told.loc[known, "called"] for allele in alleles], dtype=object)
    alleles = ", ".join(f"{allele} {number}" for allele, number in tally.value_counts().sort_index().items())
    return {
        "group": name, "mutated": mutated, "donors": n, "share": mutated / n if n else np.nan, "lower": lower,
        "upper": upper, "unknown": int((~known).sum()), "alleles": alleles,
    }  # fmt: skip
