"""How often each method finds a transition where there is none, and how often where there is one.

python benchmarks/false_positives.py                      all methods, 200 data sets per null
python benchmarks/false_positives.py draws panel          some methods
python benchmarks/false_positives.py --data-sets 400      more data sets (--moving: of the rows of power)

A null holds where the share of "transition found at 5 %" is not above 5 % by a one-sided binomial test at 1 %. Data
sets that a method calls insufficient find nothing; the test is also made on the answered ones alone, where it is
stricter.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import false_positive_cases as cases
import measuring

from her2plastic.models.power import excess_p, share_interval

ALPHA = 0.05
STRICT = 0.01


def main() -> None:
    """Run the methods that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="method", help=f"of {', '.join(cases.METHODS)}; default: all")
    parser.add_argument("--data-sets", type=int, default=200, help="per null (default: 200)")
    parser.add_argument("--moving", type=int, default=100, help="data sets that hold switching (default: 100)")
    given = parser.parse_args()
    if unknown := set(given.methods) - set(cases.METHODS):
        parser.error(f"no method {', '.join(sorted(unknown))}; there are {', '.join(cases.METHODS)}")
    print("# False positives and power\n")
    header = (
        "method",
        "data",
        "data sets",
        "insufficient",
        "found",
        "share",
        "95 % interval",
        "p of excess",
        "verdict",
    )
    print(measuring.table(header, ()))
    for method in given.methods or cases.METHODS:
        for row in _rows(method, given.data_sets, given.moving):
            print("| " + " | ".join(row) + " |", flush=True)


def _rows(method: str, n_null: int, n_moving: int) -> Iterator[tuple[str, ...]]:
    """Yield a row per null of a method, then its power."""
    for name, judge in cases.METHODS[method].items():
        is_null = not name.startswith(cases.MOVING)
        n = n_null if is_null else n_moving
        start = time.perf_counter()
        found, insufficient = _counted(judge, n)
        answered = n - insufficient
        print(f"{method}, {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        low, high = share_interval(found, n)
        p = min(excess_p(found, n, share=ALPHA), excess_p(found, answered, share=ALPHA))
        verdict = ("holds" if p >= STRICT else "TOO MANY") if is_null else "power"
        yield (
            method, name, str(n), str(insufficient), str(found), f"{found / n:.1%}", f"{low:.1%} to {high:.1%}",
            f"{p:.2g}" if is_null else "", verdict,
        )  # fmt: skip


def _counted(judge: Callable[[int], tuple[bool, bool]], n: int) -> tuple[int, int]:
    """Return in how many data sets a transition was found, and in how many the method could not answer."""
    judged = [judge(seed) for seed in range(n)]
    return sum(found for found, _ in judged), sum(insufficient for _, insufficient in judged)


if __name__ == "__main__":
    main()
