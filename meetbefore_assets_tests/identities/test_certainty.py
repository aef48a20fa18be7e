"""How sure encounters are, from a record: likenesses tell, and a merge of the user makes certain."""

from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.model_packs import EvidenceModel
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.review.make_corrections import merge
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video

CASTS = ([[1], [1, 2], [3]], [[1], [2], [4]], [[5]])


def archive(tmp_path: Path, evidence: EvidenceModel | None) -> Home:
    home = fake_home(tmp_path / "home", evidence=evidence)
    for day, cast in enumerate(CASTS, start=3):
        write_video(tmp_path / "videos", f"DJI_202503{day:02d}080000_0001_D.mp4", cast)
    for video in import_recordings(home, [tmp_path / "videos"]).present:
        for make in STAGES.values():
            make(home, video)
    decide(home)
    return home


def decide(home: Home) -> None:
    match(home)
    make_encounter_scores(home)
    make_people(home)


def test_people_met_again_are_sure_and_of_others_nothing_is_said(tmp_path: Path) -> None:
    people = people_table(archive(tmp_path, MEASURED))
    again, once = people.filter(pl.col("encounters") > 1), people.filter(pl.col("encounters") == 1)
    assert again.height == 2
    assert again["same_person"].min() > 0.9
    assert once["same_person"].null_count() == once.height > 0


def test_where_nobody_measured_the_recogniser_nothing_is_said_and_everybody_counts_whole(tmp_path: Path) -> None:
    people = people_table(archive(tmp_path, None))
    assert people["same_person"].null_count() == people.height
    assert people["score"].max() > 0


def test_strangers_whom_the_user_merges_are_one_person_for_certain(tmp_path: Path) -> None:
    home = archive(tmp_path, MEASURED)
    once = people_table(home).filter(pl.col("encounters") == 1).sort("first_seen")["person_id"].to_list()
    merge(home, once[0], once[-1])
    decide(home)
    merged = people_table(home).filter(pl.col("encounters") > 1)
    assert merged.height == 3
    assert merged["same_person"].max() == pytest.approx(1.0)
    assert merged.filter(pl.col("person_id") == once[0])["same_person"].to_list() == [1.0]
