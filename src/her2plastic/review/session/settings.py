"""What a reviewer may set before a session; kept in the journal with the queue that was made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from her2plastic._errors import ParameterError, check_seed, check_whole, one_of
from her2plastic.review.session.filters import Filter

#: In which order cells are shown.
ORDERS: Final = ("uncertain", "random", "slide", "stratified")
#: Steps of tl by whose calls a queue and its strata can be made, the one that knows most first.
MODELS: Final = ("her2_consensus", "her2_if", "her2_state")
#: Beyond this share, too few cells are left between a cell and its repeat.
LARGEST_REPEAT_SHARE: Final = 0.5


@dataclass(frozen=True)
class ReviewSettings:
    """How the queue of a session is made, and what is hidden from the reviewer.

    Attributes
    ----------
    order
        ``"uncertain"`` (whose class the model knows least), ``"random"``, ``"slide"`` (one slide after the other) or
        ``"stratified"`` (as many of each call as there are).
    filters
        Conditions on columns of ``obs``, all of which have to hold: ``"her2_if_call=HER2-low|HER2-low/positive"``,
        ``"slide_id!=s3"``, ``"ctc_probability=0.2..0.9"`` (either end may be left out), ``"is_ctc=True"``,
        ``"treatment="`` (missing).
    target
        How many cells; None for all.
    repeat_share
        Share of the cells that are shown a second time, unannounced; 0 to 0.5.
    blinded
        Hide call, patient, draw and the decisions of others until the session is closed, and shuffle the order.
    seed
        Of the order.
    model
        Step whose calls and probabilities make the order: ``"her2_consensus"``, ``"her2_if"`` or ``"her2_state"``; None
        for the first of them that has run.
    adjudicate
        Show the cells on which reviewers of the journal differ instead, with their decisions.
    outlines
        Whether outlines of the cells are drawn at the start.
    """

    order: str = "uncertain"
    filters: tuple[str, ...] = ()
    target: int | None = 300
    repeat_share: float = 0.1
    blinded: bool = True
    seed: int = 0
    model: str | None = None
    adjudicate: bool = False
    outlines: bool = True

    def __post_init__(self) -> None:
        one_of("order", self.order, ORDERS)
        if isinstance(self.filters, str):
            raise ParameterError(f"filters={self.filters!r}: expected a list of conditions")
        object.__setattr__(self, "filters", tuple(self.filters))
        for text in self.filters:
            Filter.of(text)
        if self.target is not None:
            check_whole("target", self.target, least=1)
        share = self.repeat_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= LARGEST_REPEAT_SHARE:
            raise ParameterError(f"repeat_share={share!r}: expected a share of 0 to {LARGEST_REPEAT_SHARE}")
        check_seed(self.seed)
        if self.model is not None:
            one_of("model", self.model, MODELS)
        for name in ("blinded", "adjudicate", "outlines"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name}={getattr(self, name)!r}: expected True or False")

    def as_plain(self) -> dict[str, Any]:
        """Return the settings as they are kept in a journal."""
        return asdict(self) | {"filters": list(self.filters)}

    @classmethod
    def of_plain(cls, stored: Mapping[str, Any]) -> Self:
        """Return settings from a journal; what this version does not know of is left out."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})
