"""What the models of serum HER2 find of simulated studies: bias, coverage, false positives, optimism of cut-offs.

    python benchmarks/serum_recovery.py effects|limit|leaving|areas|cutoffs|link|power|intervals [studies]

Each part prints its table; they stand in docs/serum.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import norm

from her2plastic import tl
from her2plastic.datasets import simulate_serum
from her2plastic.models.roc.areas import above
from her2plastic.models.roc.areas import areas as areas_of
from her2plastic.models.roc.cutoffs import optimised_cutoff
from her2plastic.models.roc.looks import roc_at_looks
from her2plastic.tl.serum_drop_out import drop_out_table
from her2plastic.tl.serum_model import fit_serum
from her2plastic.tl.serum_visits import serum_visits

NAMES = ("intercept", "response", "time", "time:response")
LOOKS = (2, 4, 6)


def told(name: str, estimates: np.ndarray, truth: np.ndarray | float, held: np.ndarray) -> None:
    print(f"{name:44} bias {np.nanmean(estimates - truth):+.4f}  sd {np.nanstd(estimates):.4f}  "
          f"holds the truth {np.nanmean(held):.1%} of {np.isfinite(estimates).sum()}")  # fmt: skip


def fitted(visits: pd.DataFrame):
    return fit_serum(serum_visits(visits, group="response", looks=LOOKS, window=0.5), time="linear", level=0.95)


def effects(studies: int) -> None:
    """Complete values: restricted likelihood, 50 and 20 patients; and how often a difference is found without one."""
    for patients in (50, 20):
        rows, found = [], 0
        for seed in range(studies):
            study = simulate_serum(n_patients=patients, seed=seed, lod=None)
            frame = fitted(study.visits).fit.to_frame()
            truth = np.array([study.effects[name] for name in NAMES])
            rows.append((frame["estimate"] - truth, (frame["lower"] <= truth) & (truth <= frame["upper"])))
            still = simulate_serum(n_patients=patients, seed=seed, lod=None, slopes=(0.1, 0.1))
            found += fitted(still.visits).fit.to_frame()["p"].iloc[3] < 0.05
        for place, name in enumerate(NAMES):
            told(f"{patients} patients, {name}", np.array([row[0][place] for row in rows]), 0.0,
                 np.array([row[1][place] for row in rows]))  # fmt: skip
        print(f"{patients} patients, a difference of slopes found without one: {found / studies:.1%}")


def limit(studies: int) -> None:
    """Values below a limit of 6 or 8 ng/mL: as such, and with the limit or half of it in their place."""
    for lod in (6.0, 8.0):
        kept: dict[str, list] = {}
        share = []
        for seed in range(studies):
            study = simulate_serum(seed=seed, lod=lod)
            visits, truth = study.visits, study.effects["time:response"]
            share.append(visits["below_lod"].mean())
            for name, model in (
                ("as such", fitted(visits)),
                ("limit", replaced(visits, 1.0)),
                ("half", replaced(visits, 0.5)),
            ):
                if model.fit is None:
                    continue
                row = model.fit.to_frame().iloc[3]
                kept.setdefault(name, []).append((row["estimate"], row["lower"] <= truth <= row["upper"]))
        for name, rows in kept.items():
            told(f"limit {lod:g} ({np.mean(share):.0%} below), {name}", np.array([r[0] for r in rows]), truth,
                 np.array([r[1] for r in rows]))  # fmt: skip


def replaced(visits: pd.DataFrame, share: float):
    return fitted(visits.assign(value=visits["value"] * np.where(visits["below_lod"], share, 1.0), below_lod=False))


def leaving(studies: int) -> None:
    """Patients leave because of their true change: the model alone, and jointly with leaving, estimated."""
    for slope in (0.0, 3.0):
        rows = []
        for seed in range(studies):
            study = simulate_serum(n_patients=100, seed=seed, lod=None, drop_out_slope=slope, slope_sd=0.1,
                                   drop_out=0.25, drop_out_progressed=1.0)  # fmt: skip
            visits = serum_visits(study.visits, group="response", looks=LOOKS, window=0.5)
            model = fit_serum(visits, time="linear", level=0.95)
            table = drop_out_table(model, visits, dependence=())
            truth = study.effects["time"]
            alone = model.fit.to_frame().set_index("effect").loc["time"]
            joint = table.frame[table.frame["estimated"].astype(bool) & (table.frame["effect"] == "time")]
            row = joint.iloc[0] if len(joint) else alone * np.nan
            rows.append((alone["estimate"], alone["lower"] <= truth <= alone["upper"], row["estimate"],
                         row["lower"] <= truth <= row["upper"], table.dependence))  # fmt: skip
        numbers = np.array(rows, dtype=float)
        told(f"dependence of leaving {slope:g}, alone, time", numbers[:, 0], truth, numbers[:, 1])
        told(f"dependence of leaving {slope:g}, jointly, time", numbers[:, 2], truth, numbers[:, 3])
        print(f"   estimated dependence (probit): {np.nanmean(numbers[:, 4]):.2f}, sd {np.nanstd(numbers[:, 4]):.2f}")


def areas(studies: int) -> None:
    """Intervals of areas of all looks, and how often something is found where there is nothing."""
    rng = np.random.default_rng(0)
    for patients in (50, 24):
        for apart in (0.0, 0.954, 1.81):
            truth = {0.0: 0.5, 0.954: 0.75, 1.81: 0.9}[apart]
            one, every, found = [], [], 0
            for seed in range(studies):
                positive = np.arange(patients) % 2 == 0
                own = rng.normal(size=(patients, 1))
                score = 0.7 * own + np.sqrt(0.51) * rng.normal(size=(patients, 3)) + apart * positive[:, None]
                looks = roc_at_looks(score, positive, ("2", "4", "6"), n_bootstrap=399, seed=seed)
                one.append(looks[0].lower <= truth <= looks[0].upper)
                every.append(all(look.lower_all <= truth <= look.upper_all for look in looks))
                found += min(look.p_all for look in looks) <= 0.05
            print(f"{patients} patients, area {truth:g}: one look holds it {np.mean(one):.1%}, all three "
                  f"{np.mean(every):.1%}; found at some look {found / studies:.1%}")  # fmt: skip


def intervals(studies: int) -> None:
    """Percentile intervals of the bootstrapped area, and those on the log-odds by its standard deviation."""
    rng = np.random.default_rng(5)
    positive = np.arange(50) < 25
    for truth in (0.5, 0.75, 0.9, 0.96):
        held = []
        for seed in range(studies):
            score = rng.normal(size=50) + np.sqrt(2) * norm.ppf(truth) * positive
            ones, zeros = np.zeros((800, 50)), np.zeros((800, 50))
            ones[:, :25], zeros[:, 25:] = (rng.multinomial(25, np.full(25, 0.04), size=800) for _ in range(2))
            low, high = np.quantile(areas_of(above(score), ones, zeros), [0.025, 0.975])
            look = roc_at_looks(score[:, None], positive, ("2",), n_bootstrap=800, seed=seed)[0]
            held.append((low <= truth <= high, look.lower <= truth <= look.upper))
        print(f"area {truth:g}: percentiles {np.mean(held, axis=0)[0]:.1%}, log-odds {np.mean(held, axis=0)[1]:.1%}")


def cutoffs(studies: int) -> None:
    """Youden index of optimised cut-offs: as found, nested, and what they do to 4,000 new patients."""
    for apart in (0.0, 0.6, 1.2):
        rows = []
        rng = np.random.default_rng(1)
        new_positive = np.arange(4000) % 2 == 0
        new = rng.normal(size=4000) + apart * new_positive
        for seed in range(studies):
            positive = np.arange(50) % 2 == 0
            found, nested = optimised_cutoff(rng.normal(size=50) + apart * positive, positive, seed=seed)
            called = new >= found.cutoff
            later = called[new_positive].mean() - called[~new_positive].mean()
            rows.append((found.youden, nested.youden, later, nested.youden_lower <= later <= nested.youden_upper))
        mean = np.mean(rows, axis=0)
        print(f"scores {apart:g} sd apart: as found {mean[0]:.3f}, nested {mean[1]:.3f}, new patients {mean[2]:.3f}; "
              f"the nested interval holds the latter {mean[3]:.1%}")  # fmt: skip


def link(studies: int) -> None:
    """Correlation of serum level and CTCs: the model, and raw fractions; how often it is found without one."""
    for correlation in (0.0, 0.5):
        rows = []
        for seed in range(studies):
            study = simulate_serum(seed=seed, correlation=correlation, drop_out=0.1)
            found = tl.serum_ctc_link(study.visits, ctcs=study.ctcs)
            both = study.visits.merge(study.ctcs[study.ctcs["n_ctc"] > 0], on=["donor_id", "day"])
            naive = np.corrcoef(np.log(both["value"]), both["n_positive"] / both["n_ctc"])[0, 1]
            row = found.frame.iloc[0] if len(found.frame) else {"estimate": np.nan, "lower": np.nan, "upper": np.nan}
            rows.append((row["estimate"], row["lower"] <= correlation <= row["upper"], naive, found.p < 0.05))
        numbers = np.array(rows, dtype=float)
        told(f"correlation {correlation:g}", numbers[:, 0], correlation, numbers[:, 1])
        print(f"   raw fractions {numbers[:, 2].mean():.2f}; found at 5 % {numbers[:, 3].mean():.1%}")


def power(studies: int) -> None:
    """What studies of three sizes find."""
    found = tl.serum_power((30, 50, 80), differences=(-0.10, -0.35), n=studies, progress=False)
    print(found.to_frame().round(3).to_string())


PARTS: dict[str, Callable[[int], None]] = {
    "effects": effects, "limit": limit, "leaving": leaving, "areas": areas, "cutoffs": cutoffs, "link": link,
    "power": power,
    "intervals": intervals,
}  # fmt: skip


def main() -> None:
    part, studies = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    PARTS[part](studies)


if __name__ == "__main__":
    main()
