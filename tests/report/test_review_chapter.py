"""The chapter on a review: its tables, its figures, and a picture of every disagreement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from her2plastic import _keys, datasets, im, tl
from her2plastic._errors import ConfigError
from her2plastic.io.journal.recording import Journal
from her2plastic.report.rendering import render
from her2plastic.report.review import ReviewChapter, review_chapter
from her2plastic.run.slide_config import SlideReview
from her2plastic.run.slide_review import decisions_of, journal_paths, journal_problems, reviewed_cells

FIGURES: Mapping[str, Any] = {"formats": ["png"], "dpi": 50}


@pytest.fixture(scope="module")
def called() -> Any:
    simulated = datasets.simulate_slide(shape=(420, 460), n_leukocytes=30, n_ctcs=9, seed=3, slide_id="S1")
    outlines = im.Segmentation.from_labels(simulated.slide, simulated.nuclei, simulated.cells)
    adata = im.measure(outlines)
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    return outlines, adata


def journal(path: Path, adata: Any, **said: list[str]) -> None:
    names = [str(name) for name in adata.obs_names[adata.obs[_keys.IS_CTC].to_numpy()]]
    with Journal(path, create=True) as opened:
        for reviewer, words in said.items():
            head = opened.begin_session(
                reviewer=reviewer, settings={"blinded": True}, queue=[(name, "review") for name in names], data={}
            )
            for name, word in zip(names, words, strict=False):
                opened.append(head.session, "decision", cell_id=name, round="review", value=word)


@pytest.fixture(scope="module")
def chapter(called: Any, tmp_path_factory: pytest.TempPathFactory) -> ReviewChapter:
    outlines, adata = called
    path = tmp_path_factory.mktemp("review") / "ab.journal"
    journal(
        path, adata, AB=["HER2-low"] * 3 + ["unsure", "not a CTC"], **{"<b>": ["HER2-low", "HER2-0", "HER2-positive"]}
    )
    decisions = decisions_of([path, path])
    assert decisions is not None
    assert len(decisions) == 8  # a decision that two journals hold counts once
    found = reviewed_cells(adata.copy(), decisions, config=SlideReview(), seed=0)
    assert found is not None
    pictures = {"S1": im.crops(outlines, cells=sorted({*map(str, found.differing), str(adata.obs_names[0])}))}
    return review_chapter(found, adata, pictures, FIGURES)


def test_every_disagreement_has_its_picture_and_who_said_what(chapter: ReviewChapter) -> None:
    among = {group.name: group for group in chapter.groups}["review-among"]
    assert len(among.cards) == 2
    assert [one.said[:2] for one in among.cards] == [
        (("<b>", "HER2-0"), ("AB", "HER2-low")), (("<b>", "HER2-positive"), ("AB", "HER2-low")),
    ]  # fmt: skip
    assert all(one.card is not None for one in among.cards)
    assert "All 2 cells" in among.caption


def test_tables_and_sentences(chapter: ReviewChapter) -> None:
    assert chapter.lead == [
        "<b> and AB looked at 5 cells: 2 decided by one reviewer alone, 1 on which reviewers agree, "
        "2 on which reviewers still differ."
    ]
    assert len(chapter.agreement.rows) == 30
    assert len(chapter.readers.rows) == 2
    assert chapter.scale[0].startswith("her2_if, reviewed CTCs:")
    assert "insufficient" in chapter.scale[0]
    assert [drawing.spec.name for drawing in chapter.figures] == [
        "review_agreement", "reviewer_accuracy", "review_confusion",
    ]  # fmt: skip
    assert any("too high" in note for note in chapter.notes)


def test_page_escapes_names(chapter: ReviewChapter) -> None:
    page = render("review_chapter.html", slides=SimpleNamespace(review=chapter))
    assert "&lt;b&gt;" in page
    assert "<b> and AB" not in page
    assert page.count("data:image/png;base64,") == 3 + sum(len(group.cards) for group in chapter.groups)


def test_faulty_journals_are_found_beforehand(tmp_path: Path) -> None:
    (tmp_path / "text.journal").write_text("no journal", encoding="utf-8")
    Journal(tmp_path / "empty.journal", create=True).close()
    names = ("nowhere.journal", "text.journal", "empty.journal")
    paths = journal_paths(SlideReview(journals=names), tmp_path)
    problems = journal_problems(paths, name="config.yaml")
    assert len(problems) == 3
    assert all(problem.startswith("config.yaml: review.journals: ") for problem in problems)
    assert "no decision yet" in problems[2]
    assert decisions_of([]) is None


def test_configuration_takes_journals(tmp_path: Path) -> None:
    from her2plastic.run.slide_config import load_slides_config

    path = tmp_path / "config.yaml"
    path.write_text("slides: s.csv\nreview:\n  journals: [a.journal, b.journal]\n", encoding="utf-8")
    assert load_slides_config(path).review.journals == ("a.journal", "b.journal")
    path.write_text("slides: s.csv\nreview:\n  consensus: loudest\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="consensus"):
        load_slides_config(path)


def test_patients_are_held_out_where_there_are_several(called: Any) -> None:
    from her2plastic.run.slide_review import _groups

    adata = called[1].copy()
    assert _groups(adata) == _keys.SLIDE_ID
    adata.obs[_keys.DONOR_ID] = np.where(np.arange(adata.n_obs) % 2, "a", "b")
    assert _groups(adata) == _keys.DONOR_ID
