"""Do germline ERBB2 alleles go with HER2 status or gene copies?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers, check_probability, check_whole
from her2plastic.models.genotypes.association import Effect, fisher_odds_ratio, linear_effect, logistic_effect, trend
from her2plastic.models.genotypes.hardy_weinberg import hardy_weinberg_p
from her2plastic.tl.variant_association_result import VariantAssociation
from her2plastic.tl.variants_result import Variants

#: The second base of a carrier where it is not told.
UNTOLD: Final = "*"
FISHER: Final = "carriers, Fisher"
TREND: Final = "trend over bases, Cochran-Armitage"
LOGISTIC: Final = "per base, logistic"
LINEAR: Final = "log2 copies per base, linear"
_YES: Final = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
_OF_STATES: Final = {_keys.STATES[2]: True, _keys.STATES[1]: False, _keys.STATES[0]: False}


def variant_association(
    data: pd.DataFrame | Variants,
    *,
    outcome: str,
    donors: pd.DataFrame | None = None,
    variants: Sequence[str] = ("I655V", "P1170A"),
    bases: Mapping[str, str] | None = None,
    copies: str | None = None,
    covariates: Sequence[str] = (),
    number: str | None = None,
    n_tests: int | None = None,
    level: float = 0.95,
) -> VariantAssociation:
    """Test germline alleles against HER2 status and gene copies.

    Carriers of a base are compared with all others by Fisher's exact test; the number of bases by the trend test
    (Armitage 1955), by logistic regression with covariates, and by linear regression of log2 gene copies.
    Hardy-Weinberg proportions are tested exactly (Wigginton et al. 2005) in the whole cohort and in those without the
    outcome. Every p is multiplied by the number of alleles tested (Bonferroni).

    Parameters
    ----------
    data
        A row per person, or per group of people with ``number``: a column per variant with the genotype by bases
        (``C/G``; ``C/*`` where the second base is not told; empty where not known), the outcome, and covariates. Or a
        result of :func:`variants`, whose germline genotypes are joined to ``donors``.
    outcome
        Column: true or false, yes or no, or a HER2 state (positive against the others).
    donors
        With a result of :func:`variants`: a row per ``donor_id`` with the outcome and the other columns.
    variants
        Alleles to test.
    bases
        Base per variant whose carriers and number are tested; by default the rarer one of the cohort (of two as
        frequent the first in the alphabet).
    copies
        Column of ERBB2 copies, or of the ratio to the centromere.
    covariates
        Columns of numbers, or of words (each against the first), for the regressions.
    number
        Column that says how many people a row stands for.
    n_tests
        Alleles to correct for; by default those of ``variants``. Say more where more were looked at.
    level
        Probability that an interval holds.

    Returns
    -------
    The tests; see :class:`VariantAssociation`. Tests that cannot be made say ``insufficient`` and why.

    Raises
    ------
    MissingKeyError
        A column is not there.
    ParameterError
        Genotypes are not given by bases, the outcome has other values, or a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = hp.reference.published_genotypes().rename(columns={"genotype": "P1170A"})
    >>> found = hp.tl.variant_association(table, outcome="her2_positive", variants=["P1170A"], number="n")
    >>> print(found.to_frame()[["test", "value", "lower", "upper", "p"]].head(1).round(2).to_string())
                   test  value  lower  upper     p
    0  carriers, Fisher    1.7    1.1   2.65  0.01
    """
    check_probability("level", level)
    tested = [variants] if isinstance(variants, str) else list(variants)
    if not tested:
        raise ParameterError("variants: expected at least one")
    times = len(tested) if n_tests is None else n_tests
    check_whole("n_tests", times, least=len(tested))
    table = _people(data, donors, tested, number)
    for name in (outcome, *tested, *covariates, *((copies,) if copies else ())):
        if name not in table:
            raise MissingKeyError("data", name, table.columns)
    has = _outcome(table[outcome])
    rows, counts, proportions = [], [], []
    for variant in tested:
        words = table[variant].fillna("").astype(str).str.strip().str.upper()
        base, dose, carrier = _doses(variant, words, (bases or {}).get(variant))
        known = (words != "").to_numpy() & has.notna().to_numpy()
        with_it = has.to_numpy(dtype=object)
        own = table[known]
        effects = _effects(own, dose[known], carrier[known], with_it[known].astype(bool), copies, covariates, level)
        rows += [
            {"variant": variant, "base": base, "test": test, "effect": effect, **asdict(result)}
            for test, effect, result in effects
        ]
        counts.append(_counts(variant, words[known], with_it[known].astype(bool)))
        proportions += _proportions(variant, dose[known], with_it[known].astype(bool))
    frame = pd.DataFrame(rows)
    frame.insert(list(frame.columns).index("p") + 1, "p_corrected", np.minimum(frame["p"] * times, 1.0))
    notes = (f"p is corrected for {times} alleles tested (Bonferroni: p times {times}).",)
    numbers = {"people": len(table), "with the outcome": int((has == True).sum())}  # noqa: E712
    if isinstance(data, Variants) and donors is not None and len(donors) > len(table):
        numbers |= {"donors without a result of variants, left out": len(donors) - len(table)}
    unknown = int(has.isna().sum())
    numbers |= {"without a known outcome, left out": unknown} if unknown else {}
    genotypes = pd.concat(counts, ignore_index=True)
    return VariantAssociation(
        frame, genotypes, pd.DataFrame(proportions), outcome, times, level, numbers, notes
    )  # fmt: skip


def _people(
    data: pd.DataFrame | Variants, donors: pd.DataFrame | None, variants: Sequence[str], number: str | None
) -> pd.DataFrame:
    """Return a row per person."""
    if isinstance(data, Variants):
        if donors is None or _keys.DONOR_ID not in donors:
            raise ParameterError(f"donors: expected a table with {_keys.DONOR_ID} and the outcome of each donor")
        own = data.genotypes[data.genotypes["variant"].isin(list(variants))]
        wide = own.pivot(index=_keys.DONOR_ID, columns="variant", values="genotype")
        once = _once("donors", donors.assign(**{_keys.DONOR_ID: donors[_keys.DONOR_ID].astype(str)}))
        table = once.merge(wide.reset_index(), on=_keys.DONOR_ID, how="inner")
        for variant in variants:
            if variant not in table:
                table[variant] = ""
        return table
    if number is None:
        return _once("data", data).reset_index(drop=True)
    if number not in data:
        raise MissingKeyError("data", number, data.columns)
    people = as_numbers(number, data[number])
    if (people < 0).any() or (people != np.rint(people)).any():
        raise ParameterError(f"{number}: expected whole numbers of at least 0")
    return data.iloc[np.repeat(np.arange(len(data)), people.astype(int))].reset_index(drop=True)


def _once(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table, or raise a ParameterError if somebody stands in it twice: one person is one observation."""
    if _keys.DONOR_ID in table:
        twice = table.loc[table[_keys.DONOR_ID].duplicated(), _keys.DONOR_ID]
        if len(twice):
            raise ParameterError(
                f"{name}: {twice.iloc[0]!r} has several rows ({_keys.DONOR_ID}); expected one per person, as each "
                "counts as one"
            )
    return table


def _outcome(column: pd.Series) -> pd.Series:
    """Return the outcome as true, false or missing."""
    words = {**_YES, **{state.lower(): value for state, value in _OF_STATES.items()}}
    found: list[bool | None] = []
    for value in column:
        if pd.isna(value) or str(value).strip() == "":
            found.append(None)
            continue
        word = str(value).strip().lower().removesuffix(".0")
        if word not in words:
            raise ParameterError(
                f"outcome {column.name!r} has the value {value!r}; expected true or false, yes or no, or one of "
                f"{', '.join(_keys.STATES)}"
            )
        found.append(words[word])
    return pd.Series(found, index=column.index, dtype=object)


def _doses(variant: str, words: pd.Series, wanted: str | None) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the base that is tested, how often each person has it (missing where not told), and who carries it."""
    split = [word.replace("|", "/").split("/") if word else [] for word in words]
    odd = next((word for word, parts in zip(words, split, strict=True) if parts and not _two_bases(parts)), None)
    if odd is not None:
        raise ParameterError(
            f"{variant}: genotype {odd!r}; expected two bases such as C/G, or C/* for a carrier. Words such as Pro or "
            "variant differ between papers in what they mean."
        )
    tally = pd.Series([base for parts in split for base in parts if base != UNTOLD], dtype=object).value_counts()
    if len(tally) > 2:
        raise ParameterError(f"{variant}: {len(tally)} bases ({', '.join(tally.index)}); expected two")
    told = {base for parts in split if UNTOLD in parts for base in parts if base != UNTOLD}
    # where only carriers of one base are told, that base is the question
    base = wanted or (
        min(told) if told else min(tally.index, key=lambda name: (tally[name], name)) if len(tally) else ""
    )
    if wanted and wanted not in set(tally.index):
        raise ParameterError(
            f"bases: {variant} has {', '.join(map(str, tally.index)) or 'no genotypes'}, not {wanted!r}"
        )
    dose = np.array([parts.count(base) if parts and UNTOLD not in parts else np.nan for parts in split], dtype=float)
    carrier = np.array([base in parts for parts in split], dtype=bool)
    if told - {base}:
        raise ParameterError(f"{variant}: who carries {base} is not told by genotypes such as {min(told - {base})}/*")
    return base, dose, carrier


def _two_bases(parts: list[str]) -> bool:
    bases = [part for part in parts if part != UNTOLD]
    return len(parts) == 2 and len(bases) >= 1 and all(part and set(part) <= set("ACGT") for part in bases)


def _effects(
    own: pd.DataFrame, dose: np.ndarray, carrier: np.ndarray, has: np.ndarray, copies: str | None,
    covariates: Sequence[str], level: float,
) -> list[tuple[str, str, Effect]]:  # fmt: skip
    table = [[int((carrier & has).sum()), int((carrier & ~has).sum())],
             [int((~carrier & has).sum()), int((~carrier & ~has).sum())]]  # fmt: skip
    found = [(FISHER, "odds ratio", fisher_odds_ratio(np.array(table), level=level))]
    told = np.isfinite(dose)
    if not told.all():
        lacking = Effect.lacking(f"{int(told.sum())} of {len(dose)} people with both bases told", len(dose))
        found += [(TREND, "chi-square", lacking), (LOGISTIC, "odds ratio", lacking)]
        return found + ([(LINEAR, "log2 copies", lacking)] if copies else [])
    statistic, p = trend(dose, has)
    none = float("nan")
    of_trend = Effect(none, none, none, p, len(dose)) if np.isfinite(statistic) else Effect.lacking(
        "the outcome or the genotype does not vary", len(dose)
    )  # fmt: skip
    found.append((TREND, "chi-square", of_trend))
    design, whole = _design(own, dose, covariates)
    found.append((LOGISTIC, "odds ratio", logistic_effect(design[whole], has[whole], level=level)))
    if copies:
        values = as_numbers(copies, own[copies])
        if (values[np.isfinite(values)] <= 0).any():
            raise ParameterError(f"{copies}: expected copies or ratios above 0")
        usable = whole & np.isfinite(values)
        log2 = np.log2(np.where(usable, values, 1.0))
        found.append((LINEAR, "log2 copies", linear_effect(design[usable], log2[usable], level=level)))
    return found


def _design(own: pd.DataFrame, dose: np.ndarray, covariates: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the genotype and the covariates as columns, and which people have them all."""
    columns, whole = [dose], np.ones(len(own), dtype=bool)
    for name in covariates:
        column = own[name]
        whole &= column.notna().to_numpy()
        if column.dtype.kind in "fiub":
            columns.append(column.to_numpy(dtype=float))
            continue
        words = sorted(set(column.dropna().astype(str)))
        columns += [(column.astype(str) == word).to_numpy(dtype=float) for word in words[1:]]
    return np.column_stack(columns), whole


def _counts(variant: str, words: pd.Series, has: np.ndarray) -> pd.DataFrame:
    tally = pd.crosstab(words.to_numpy(), has).reindex(columns=[True, False], fill_value=0)
    return pd.DataFrame({
        "variant": variant, "genotype": tally.index.astype(str), "with_outcome": tally[True].to_numpy(),
        "without_outcome": tally[False].to_numpy(),
    })  # fmt: skip


def _proportions(variant: str, dose: np.ndarray, has: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for among, kept in (("the whole cohort", np.ones(len(dose), dtype=bool)), ("those without the outcome", ~has)):
        own = dose[kept]
        told = np.isfinite(own).all() and len(own) > 0
        p = hardy_weinberg_p(*(int((own == k).sum()) for k in (0, 1, 2))) if told else float("nan")
        status = "ok" if told else f"insufficient: {int(np.isfinite(own).sum())} of {len(own)} with both bases told"
        found.append({"variant": variant, "among": among, "n": len(own), "p": p, "status": status})
    return found
