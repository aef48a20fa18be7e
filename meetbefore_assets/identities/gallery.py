"""The gallery: the tracks of all people on record, to compare with faces from photographs."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.model_packs import Recogniser
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.certainty import looks
from meetbefore_assets.identities.evidence import EvidencePolicy
from meetbefore_assets.identities.grouping_input import raw_lengths
from meetbefore_assets.identities.open_set import Comparison, Views, compare
from meetbefore_assets.identities.policy import usable_tracks
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_edges import vectors_as_matrix


@dataclass(frozen=True)
class Gallery:
    """The tracks of everybody.

    Attributes:
        people: ids, in order.
        views: a track each, of the rows of `people`; one that corrections divide stands whole with each of its people.
        recogniser: whose vectors they are.
        policy: how they are compared; None: nobody measured the recogniser.
    """

    people: list[str]
    views: Views
    recogniser: Recogniser
    policy: EvidencePolicy | None

    def compare(self, asked: Views) -> Comparison:
        """Compare faces with everybody."""
        return compare(self.views, asked, self.policy, self.recogniser.asking)


def read_gallery(home: Home) -> Gallery:
    """Read the gallery from the record.

    Raises:
        UsageError: nobody is, or only by vectors of another recogniser.
    """
    pack = home.model_pack()
    usable = usable_tracks(home, pack.recogniser_id)
    matched = matched_videos(home)
    videos = [video_id for video_id in matched if video_id in usable]
    assigned = home.store.scan("identity_assignments", videos, ["face_id", "person_id"]) if videos else pl.DataFrame()
    if not assigned.height:
        if matched and not videos:
            raise UsageError("everybody on record was seen with another recogniser.", remedy="Bring them up to date first: meetbefore run")
        raise UsageError("nobody is on record yet.", remedy="Import recordings: meetbefore run FOLDER")
    tracks = home.store.scan("tracks", videos, ["track_id", "video_id", "vector", "face_ids"]).sort("track_id")
    vectors, model = vectors_as_matrix(tracks["vector"]), pack.recogniser.evidence
    lengths = raw_lengths(home, videos, tracks, model)
    policy = None if model is None else looks(tracks, vectors, lengths, model).policy
    row_of_face = tracks.select(pl.col("face_ids").alias("face_id")).with_row_index("row").explode("face_id")
    views = assigned.join(row_of_face, on="face_id").select("person_id", "row").unique().sort("person_id", "row")
    rows, person = views["row"].to_numpy(), (views["person_id"].rank("dense") - 1).to_numpy().astype(np.int64)
    people = views["person_id"].unique(maintain_order=True).to_list()
    return Gallery(people, Views(vectors[rows], lengths[rows], person), pack.recogniser, policy)
