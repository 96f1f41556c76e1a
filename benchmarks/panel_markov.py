"""PanelMarkov beside R msm on the heart-transplant panel, its time by the number of subjects, and its bootstrap."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from measuring import in_turn, median, paired_ratio, say, spread, table, verdict

HERE = Path(__file__).parent
DATA = Path(os.environ.get("HER2PLASTIC_TEST_DATA", HERE.parents[1] / "shared" / "data")) / "msm" / "cav.csv"
TWO_WAY = np.array([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
THREE = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
RATES = np.array([[0, 0.04, 0], [0.03, 0, 0.03], [0, 0.05, 0]])
ROUNDS, FITS, SAMPLES = 5, 5, 1000
SUBJECTS = (2_500, 5_000, 10_000, 20_000)
RATIO_LIMIT, BOOTSTRAP_LIMIT, SLOPE_LIMIT = 0.2, 30.0, 1.15


def cav() -> None:
    """Time the fit to the heart-transplant data, after one that loads the compiled loops."""
    import pandas as pd

    from her2plastic.models import PanelMarkov

    data = pd.read_csv(DATA)
    arguments = data["PTNUM"], data["years"], data["state"] - 1

    def fit() -> tuple[float, PanelMarkov]:
        start = time.perf_counter()
        model = PanelMarkov(TWO_WAY, (3,)).fit(*arguments)
        return time.perf_counter() - start, model

    first, model = fit()
    seconds = statistics.median(fit()[0] for _ in range(FITS))
    say(seconds=seconds, first=first, minus2loglik=model.minus2loglik_)


def panel(subjects: int, draws: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return subjects, days and states of a three-state panel seen at irregular times."""
    from scipy.linalg import expm

    rng = np.random.default_rng(seed)
    generator = RATES - np.diag(RATES.sum(axis=1))
    steps = rng.integers(10, 33, (subjects, draws - 1)).astype(float)
    chances = np.array([expm(generator * day) for day in range(33)])
    states = np.empty((subjects, draws), dtype=int)
    states[:, 0] = rng.integers(0, 3, subjects)
    for draw in range(1, draws):
        row = chances[steps[:, draw - 1].astype(int), states[:, draw - 1]].cumsum(axis=1)
        states[:, draw] = (rng.random(subjects)[:, None] > row[:, :2]).sum(axis=1)
    # days with a fraction: hardly any interval is like another
    days = np.hstack([np.zeros((subjects, 1)), (steps + rng.random(steps.shape)).cumsum(axis=1)])
    return np.repeat(np.arange(subjects), draws), days.ravel(), states.ravel()


def size(subjects: int) -> None:
    """Time one fit to many subjects, after one to few."""
    from her2plastic.models import PanelMarkov

    PanelMarkov(THREE).fit(*panel(50, 5))
    rows = panel(subjects, 5)
    start = time.process_time()  # of one thread: what others do on the machine is left out
    model = PanelMarkov(THREE).fit(*rows)
    say(seconds=time.process_time() - start, intervals=model.n_intervals_)


def bootstrap() -> None:
    """Time the bootstrap of 20 patients."""
    from her2plastic.models import PanelMarkov

    model = PanelMarkov(THREE).fit(*panel(20, 5, seed=1))
    model.bootstrap(5)
    start = time.perf_counter()
    samples = model.bootstrap(SAMPLES)
    say(seconds=time.perf_counter() - start, failed=samples.n_failed)


def against_msm(rounds: int) -> list[str]:
    """Return the comparison with R msm, or that it cannot be made here."""
    ours, theirs = "`PanelMarkov.fit`", "R `msm`"
    rscript = shutil.which("Rscript")
    if not DATA.exists() or rscript is None:
        return [f"Not compared: {'Rscript' if DATA.exists() else DATA.name} was not found."]
    commands = {
        ours: [sys.executable, __file__, "--work", "cav"],
        theirs: [rscript, str(HERE / "panel_markov.R"), str(DATA), str(FITS)],
    }
    runs = in_turn(commands, rounds=rounds)
    rows = [
        (name, f"{median(found):.3f}", spread(found), f"{median(found, 'minus2loglik'):.4f}")
        for name, found in runs.items()
    ]
    return [
        "Heart-transplant panel of R msm (622 subjects, 2,846 observations, four states, exact death times, 7 rates),",
        f"each side from starting values by counts and with its Hessian. {rounds} rounds in turn, each the median of",
        f"{FITS} fits in a fresh process after a first one (ours {median(runs[ours], 'first'):.2f} s: it loads",
        "the compiled loops from the cache; the very first fit on a machine compiles them, some 10 s, not counted).",
        f"msm {runs[theirs][0]['version']}.",
        "",
        table(("fit", "s (median)", "s (range)", "-2 log-likelihood"), rows),
        "",
        verdict(
            "time against R msm (median of the rounds' ratios)", paired_ratio(runs[ours], runs[theirs]), RATIO_LIMIT
        ),
    ]


def by_size(rounds: int) -> list[str]:
    """Return the time of fits by the number of subjects."""
    commands = {f"{n:,}": [sys.executable, __file__, "--work", "size", "--subjects", str(n)] for n in SUBJECTS}
    runs = in_turn(commands, rounds=rounds)
    seconds = [median(found) for found in runs.values()]
    slope = float(np.polyfit(np.log(SUBJECTS), np.log(seconds), 1)[0])
    rows = [
        (name, f"{found[0]['intervals']:,}", f"{median(found):.2f}", f"{1e6 * median(found) / n:.0f}")
        for (name, found), n in zip(runs.items(), SUBJECTS, strict=True)
    ]
    return [
        "Three states, 5 observations a subject, hardly two intervals of one length:",
        "",
        table(("subjects", "intervals", "processor s (median)", "microseconds a subject"), rows),
        "",
        verdict("exponent of the time in the number of subjects", slope, SLOPE_LIMIT),
    ]


def section(rounds: int) -> str:
    """Measure, and return a section of the results."""
    samples = in_turn({"bootstrap": [sys.executable, __file__, "--work", "bootstrap"]}, rounds=rounds)["bootstrap"]
    return "\n".join(
        [
            "## Panel models",
            "",
            *against_msm(rounds),
            "",
            *by_size(rounds),
            "",
            verdict(f"{SAMPLES:,} bootstraps of 20 patients, three states", median(samples), BOOTSTRAP_LIMIT, " s"),
            "",
            f"Samples without a fit: {samples[0]['failed']}.",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--work", choices=("cav", "size", "bootstrap"))
    parser.add_argument("--subjects", type=int, default=SUBJECTS[0])
    given = parser.parse_args()
    if given.work is None:
        print(section(given.rounds))
    else:
        {"cav": cav, "bootstrap": bootstrap, "size": lambda: size(given.subjects)}[given.work]()
