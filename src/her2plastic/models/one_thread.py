"""Products of matrices on one thread: the same to the last bit however many there are, and no slower where small."""

from __future__ import annotations

from threadpoolctl import threadpool_limits


def one_thread() -> threadpool_limits:
    """Return a context in which BLAS uses one thread.

    With several it divides the rows otherwise, and sums those beside a border in another order. The models' matrices
    are small: threads cost more than they bring, and much more on a busy machine.
    """
    return threadpool_limits(1, user_api="blas")
