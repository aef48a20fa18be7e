"""The measures, on cases small enough to work out by hand, and against the shared scorer where it is."""

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.evaluation import bcubed, evaluate, iou, match_faces, meeting, pairwise

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def faces(rows):
    return pl.DataFrame(rows, schema=["video", "t_s", "x1", "y1", "x2", "y2", "person"], orient="row")


def test_a_right_grouping_under_other_names_is_perfect():
    for measure in (bcubed, pairwise):
        agreement = measure(["a", "a", "b"], [7, 7, 9])
        assert (agreement.precision, agreement.recall, agreement.f) == (1, 1, 1)


def test_everybody_in_one_group_loses_precision():
    agreement = bcubed(["a", "a", "b", "b"], [0, 0, 0, 0])
    assert (agreement.precision, agreement.recall) == (0.5, 1.0)


def test_everybody_alone_loses_recall():
    assert (bcubed(["a", "a"], [0, 1]).recall, pairwise(["a", "a"], [0, 1]).recall) == (0.5, 0.0)


def test_of_nothing_every_measure_is_nought():
    assert (bcubed([], []).f, pairwise([], []).f, meeting([], [], []).f) == (0, 0, 0)


def test_meeting_recall_counts_people_not_pairs():
    wanted = ["a"] * 3 + ["b"] * 2
    agreement = meeting(wanted, [0, 0, 0, 1, 2], ["v", "w", "x", "v", "w"])
    assert agreement.recall == 0.5
    assert agreement.precision == 1.0


def test_meeting_precision_counts_pairs_of_videos():
    agreement = meeting(["a", "a", "b", "c"], [0, 0, 0, 0], ["v", "w", "x", "y"])
    assert agreement.precision == pytest.approx(1 / 6)


def test_iou_of_boxes_that_touch_is_nought_and_of_halves_a_third():
    boxes = np.array([[0.0, 0, 2, 2], [2, 0, 4, 2], [1, 0, 3, 2]])
    assert iou(boxes[:1], boxes)[0].tolist() == pytest.approx([1, 0, 1 / 3])


def test_the_prediction_nearest_to_the_second_takes_the_label():
    truth = faces([("v", 3, 0, 0, 10, 10, "a")])
    found = faces([("v", 3.2, 0, 0, 10, 10, "late"), ("v", 2.9, 0, 0, 10, 10, "near"), ("v", 3.3, 0, 0, 10, 10, "out")])
    assert match_faces(truth, found) == ([(0, 1)], 1)


@pytest.mark.skipif(not (SHARED / "evaluate.py").exists(), reason="needs ../shared")
def test_agrees_with_the_shared_scorer():
    spec = importlib.util.spec_from_file_location("scorer", SHARED / "evaluate.py")
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    truth = pl.read_csv(SHARED / "footage" / "labelled" / "truth.csv").select("video", "t_s", "x1", "y1", "x2", "y2", "person")
    rng = np.random.default_rng(1)
    shift = rng.normal(scale=8, size=(len(truth), 1))
    guess = truth.with_columns(
        pl.col("t_s") + pl.Series(rng.choice([0.0, 0.1, -0.2, 0.4], len(truth))),
        *[pl.col(name) + pl.Series(shift[:, 0]) for name in ("x1", "y1", "x2", "y2")],
        person=pl.when(pl.Series(rng.random(len(truth)) < 0.2)).then(pl.lit("x")).otherwise(pl.col("person")),
    )
    theirs = scorer.score(truth.to_dicts(), guess.to_dicts())
    ours = evaluate(truth, guess)
    assert ours.faces_matched == theirs["faces_matched"]
    assert ours.unmatched_predictions == theirs["unmatched_predictions"]
    assert (ours.persons_true, ours.persons_predicted) == (theirs["persons_true"], theirs["persons_predicted"])
    for name in ("bcubed", "meeting"):
        agreement = getattr(ours, name)
        found = (agreement.precision, agreement.recall, agreement.f)
        assert found == pytest.approx([theirs[f"{name}_{part}"] for part in ("precision", "recall", "f")], abs=1e-4)
    assert ours.pairwise.f == pytest.approx(theirs["pairwise_f"], abs=1e-4)
