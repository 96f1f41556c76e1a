"""Keys that a reviewer chooses can be pressed, and read on the screen."""

from __future__ import annotations

import pytest

from her2plastic._errors import ParameterError
from her2plastic.review.window.actions import KeyTable


@pytest.mark.parametrize("key", ["\ud83d", "\x01", "", "Tab"])
def test_a_key_that_cannot_be_shown_is_refused(key: str) -> None:
    with pytest.raises(ParameterError, match="'HER2-0': choose another"):
        KeyTable({"HER2-0": key})


def test_letters_of_other_keyboards_are_taken() -> None:
    assert KeyTable({"HER2-0": "É", "HER2-low": "&"}).own() == {"HER2-0": "É", "HER2-low": "&"}
