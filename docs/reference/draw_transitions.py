"""Draw docs/images/transitions.png: rates, null and composition of a simulated study of blood draws.

python docs/reference/draw_transitions.py docs/images/transitions.png
"""

from __future__ import annotations

import sys

from matplotlib import pyplot

import her2plastic as hp


def main(path: str) -> None:
    """Simulate, fit, draw."""
    study = hp.datasets.simulate_draws(n_patients=8, draws=(0, 21, 42, 63), ctc_median=30, seed=3)
    cells = study.to_anndata()
    hp.tl.switching(cells, design="draws", options={"n_null": 99})
    figure = pyplot.figure(figsize=(12.6, 8.6), layout="constrained")
    rows = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    left, right = rows[0].subplots(1, 2)
    hp.pl.state_diagram(cells, ax=left)
    hp.pl.null_distribution(cells, ax=right)
    hp.pl.composition_over_time(cells, ax=rows[1].subplots())
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(sys.argv[1])
