"""What a gallery shows: which cells, in which groups and order, what is plotted, and what is hidden meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import one_of
from her2plastic.im.feature_names import INTENSITY
from her2plastic.review.gallery import grouping
from her2plastic.review.gallery.cell_columns import CellColumns
from her2plastic.review.gallery.differences import DECISION_WORDS, UNDECIDED, Readings, readings
from her2plastic.review.gallery.grouping import BY_DECISION, BY_DIFFERENCE, BY_FILE, BY_NOTHING, Groups, SheetOrder

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from her2plastic.review.session import ReviewSession

#: Which cells are on the sheet.
ALL, IN_SESSION, DECIDED, OPEN = "all cells", "this session", "decided", "without a decision"
#: Order that tells nothing of slide or draw, in place of that of the file.
SHUFFLED: Final = "shuffled"
#: Tables of obsm that tell neither call nor patient.
_HARMLESS_TABLES: Final = (_keys.SPATIAL, _keys.IMAGE_FEATURES)
#: Calls by which cells are grouped at first, the one that knows most first.
CALL_COLUMNS: Final = (_keys.HER2_CONSENSUS_CALL, _keys.HER2_IF_CALL, _keys.HER2_CALL)
#: What is plotted at first, where it is there.
_FIRST_X: Final = ("CK_cell_mean", _keys.DEPTH)
_FIRST_Y: Final = ("HER2_cell_mean", _keys.ERBB2_COUNT)
_DECISION_COLUMNS: Final = ("cell_id", "reviewer", "round", "decision")


class GalleryContents:
    """Cells of an AnnData with what was decided on them; knows nothing of windows.

    Parameters
    ----------
    adata
        The cells; never changed.
    session
        The review that is under way, if there is one; what it hides is hidden here.
    decisions
        Decisions to be shown where there is no session, as ``io.read_decisions`` gives.
    """

    def __init__(
        self, adata: AnnData, *, session: ReviewSession | None = None, decisions: pd.DataFrame | None = None
    ) -> None:
        self._adata, self._session, self._decisions = adata, session, decisions
        self._of_others: pd.DataFrame | None = None
        self.reload()

    def reload(self) -> None:
        """Look again at what may be shown, and at what others decided."""
        self.blind = self._session is not None and self._session.blind
        hidden: set[str] = set()
        if self._session is not None and self.blind:
            hidden = set(self._session.hidden_columns()) | (set(self._adata.obsm) - set(_HARMLESS_TABLES))
        self.columns = CellColumns(self._adata, hidden=hidden)
        self._place = {name: number for number, name in enumerate(self.columns.cell_ids)}
        self._of_others = None
        if self._session is not None and not self.blind:
            self._of_others = self._session.decisions_of_all()
        self.reread()

    def reread(self) -> None:
        """Take in what was decided in this session; the decisions of others stay as they were read."""
        frame = self._decisions_now()
        self.readings: Readings | None = None
        if frame is not None:
            who = None if self._session is None else self._session.reviewer
            self.readings = readings(self.columns.cell_ids, frame, calls=self._calls(), reviewer=who)

    def _decisions_now(self) -> pd.DataFrame | None:
        import pandas as pd

        if self._session is None:
            return self._decisions
        if self._session.closed and self._of_others is not None:
            return self._of_others
        words = self._session.decisions()
        # while a hidden repeat is on the screen, its first decision would tell that it is one
        current = self._session.current[0]
        now = self._session.decision_of(current)
        words = {cell: word for cell, word in words.items() if cell != current} | ({current: now} if now else {})
        own = [(cell, self._session.reviewer, self._round, word) for cell, word in words.items()]
        frame = pd.DataFrame(own, columns=list(_DECISION_COLUMNS), dtype=object)
        if self._of_others is None or self._of_others.empty:
            return frame
        others = self._of_others[self._of_others["session"] != self._session.session]
        return pd.concat([others[list(_DECISION_COLUMNS)].astype(object), frame], ignore_index=True)

    @property
    def _round(self) -> str:
        review, _, adjudication = _keys.REVIEW_ROUNDS
        return adjudication if self._session is not None and self._session.settings.adjudicate else review

    def _calls(self) -> np.ndarray | None:
        name = self.call_column
        return None if name is None else self._adata.obs[name].astype(str).to_numpy(dtype=object)

    # --- what there is to choose from -----------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.columns)

    @property
    def call_column(self) -> str | None:
        """The model's call that is looked at; nothing where there is none or it is hidden."""
        return next((name for name in CALL_COLUMNS if name in self.columns.of_words), None)

    @property
    def groupings(self) -> tuple[str, ...]:
        """What the cells can be grouped and coloured by."""
        first = [BY_NOTHING]
        if self.readings is not None:
            first += [BY_DECISION] + [BY_DIFFERENCE] * (not self.blind)
        calls = [name for name in CALL_COLUMNS if name in self.columns.of_words]
        return (*first, *calls, *(name for name in self.columns.of_words if name not in calls))

    @property
    def first_grouping(self) -> str:
        """What they are grouped by at first."""
        if self._session is not None:
            return BY_DECISION
        return self.call_column or (BY_DECISION if self.readings is not None else BY_NOTHING)

    @property
    def sortings(self) -> tuple[str, ...]:
        """What the cells of a group can be sorted by."""
        return (SHUFFLED if self.blind else BY_FILE, *self.columns.of_numbers)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Which cells can be put on the sheet."""
        own = (IN_SESSION,) if self._session is not None else ()
        return (*own, ALL, *((DECIDED, OPEN) if self.readings is not None else ()))

    @property
    def axes(self) -> tuple[str, ...]:
        """What can be plotted."""
        return (*self.columns.of_numbers, *self.columns.of_words)

    @property
    def first_axes(self) -> tuple[str, str]:
        """What is plotted at first."""
        names = [*reversed(self.columns.of_numbers), *self.columns.of_words]  # measures before columns of obs
        if not names:
            return "", ""
        x = next((name for name in _FIRST_X if name in names), names[0])
        return x, next((name for name in _FIRST_Y if name in names), names[min(1, len(names) - 1)])

    def first_scale(self, name: str) -> str:
        """Return the scale of an axis at first: intensities reach over decades, and noise takes them below 0."""
        return "asinh" if name and self.columns.column(name).unit == INTENSITY else "linear"

    # --- what is shown --------------------------------------------------------------------------------------------
    def groups(self, by: str) -> Groups:
        """Return the groups by one of the groupings."""
        one_of("group by", by, self.groupings)
        return grouping.groups_of(by, self.columns, self.readings)

    def shown(self, scope: str) -> np.ndarray:
        """Return which cells are in one of the scopes."""
        one_of("cells", scope, self.scopes)
        everyone = np.ones(len(self), dtype=bool)
        if scope == ALL:
            return everyone
        if scope == IN_SESSION and self._session is not None:
            everyone[:] = False
            everyone[[self._place[cell] for cell, _ in self._session.queue if cell in self._place]] = True
            return everyone
        assert self.readings is not None
        undecided = self.readings.decision == DECISION_WORDS.index(UNDECIDED)
        return undecided if scope == OPEN else ~undecided

    def ordered(self, groups: Groups, *, shown: np.ndarray, sort: str, falling: bool) -> SheetOrder:
        """Return the cells of the sheet in their order."""
        one_of("sort by", sort, self.sortings)
        values: np.ndarray | None = None
        if sort == SHUFFLED:
            seed = 0 if self._session is None else self._session.settings.seed
            values = np.random.default_rng([seed, len(self)]).permutation(len(self)).astype(float)
        elif sort != BY_FILE:
            values = self.columns.numbers(sort)
        return grouping.ordered(groups, shown=shown, values=values, falling=falling)

    # --- single cells ---------------------------------------------------------------------------------------------
    def place_of(self, cell_id: str) -> int | None:
        """Return the place of a cell, or nothing where it is not among them."""
        return self._place.get(cell_id)

    def name_of(self, cell: int) -> str:
        """Return what a cell may be called."""
        cell_id = self.columns.cell_ids[cell]
        return cell_id if self._session is None else self._session.name_of(cell_id)

    def words_of(self, cell: int, *, also: tuple[str, ...] = ()) -> str:
        """Return what may be told of a cell, a line each: its name, decision, call, and the columns that are shown."""
        lines = [self.name_of(cell)]
        if self.readings is not None:
            lines.append(f"decision: {DECISION_WORDS[int(self.readings.decision[cell])]}")
        if self.call_column:
            lines.append(f"call: {self.columns.text(self.call_column, cell)}")
        seen: dict[str, Any] = dict.fromkeys(also)
        lines += [f"{name}: {self.columns.text(name, cell)}" for name in seen if name and name != self.call_column]
        return "\n".join(lines)
