"""The models multiply matrices on one thread, and leave others as many as they had."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from her2plastic.models.one_thread import one_thread


def threads_of_blas() -> set[int]:
    return {int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_inside_and_its_own_afterwards() -> None:
    with threadpool_limits(2, user_api="blas"):
        with one_thread():
            assert threads_of_blas() == {1}
        assert threads_of_blas() == {2}
