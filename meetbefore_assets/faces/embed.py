"""The table `embeddings`: one unit vector per face, computed from the stored crops."""

from collections.abc import Collection

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.parallel import map_in_order
from meetbefore_assets.core.ports import F32, U8, FaceEmbedder
from meetbefore_assets.core.schema.faces import EMBEDDINGS
from meetbefore_assets.faces.linking import TrackPolicy, link_faces
from meetbefore_assets.faces.unit_vectors import to_unit_vectors
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import TableBuilder, WrittenTable, start_table

# Faces that a thread takes at a time: few, so that no thread ends long before the others, and enough to read the weights of the
# recogniser's last layer seldom (2.3 ms of SFace's a batch, 12.5 a face).
EMBED_BATCH = 16
# Crops read from the record at a time: a multiple of the batch, and of what is written at a time.
CROPS_AT_ONCE = 256


# The faces that are taken for one track here, whatever the settings of tracks are: vectors do not depend on those.
_LONGEST_GAP_S = 3.0
_USUAL_SIMILARITY = 0.45


def make_embeddings(home: Home, video_id: str) -> WrittenTable:
    """Embed the stored crops as unit vectors; the video is not opened."""
    builder = start_table(home, EMBEDDINGS, video_id)
    pack, mirror = home.loaded_models(builder.settings), builder.models.mirror(builder.settings.models.mirror)
    face_ids, raw = _embed_stored(builder, mirror == "all")
    if mirror == "best" and face_ids:
        best = _best_of_tracks(builder, face_ids, raw)
        _, mirrored = _embed_stored(builder, True, best)
        raw[[row for row, face_id in enumerate(face_ids) if face_id in best]] = mirrored
    vectors, norms = to_unit_vectors(raw)
    frame = pl.DataFrame(
        {
            "face_id": face_ids,
            "video_id": [video_id] * len(face_ids),
            "model": [pack.embedder.model_id] * len(face_ids),
            "vector": list(vectors),
            "raw_norm": norms,
        },
        schema=EMBEDDINGS.dtypes,
    )
    facts = {"faces": len(face_ids), "model": pack.embedder.model_id, "device": pack.device}
    return builder.write(frame, {**facts, "device asked for": builder.settings.models.device})


def _embed_stored(builder: TableBuilder, is_mirrored: bool, only: Collection[str] | None = None) -> tuple[list[str], F32]:
    """Ids and raw vectors of the faces of a video, or of some of them, in the order in which they are stored."""
    home, threads = builder.home, builder.home.threads_per_video(builder.settings)
    embedder, imaging = home.loaded_models(builder.settings).embedder, home.imaging
    face_ids, raw = list[str](), [np.zeros((0, embedder.size), np.float32)]

    def embed(batch: list[bytes]) -> F32:
        return embed_crops(embedder, imaging.decode_crops(batch), is_mirrored)

    for stored in home.store.parts("detections", builder.video_id, ["face_id", "crop"], CROPS_AT_ONCE * threads):
        part = stored if only is None else stored.filter(pl.col("face_id").is_in(list(only)))
        face_ids += part["face_id"].to_list()
        batches = (part["crop"][at : at + EMBED_BATCH].to_list() for at in range(0, part.height, EMBED_BATCH))
        raw += map_in_order(embed, batches, threads)
    return face_ids, np.concatenate(raw)


def _best_of_tracks(builder: TableBuilder, face_ids: list[str], raw: F32) -> set[str]:
    """The face with the longest vector of each track, as tracks usually are linked."""
    columns = ["face_id", "pts", "time_s", "x1", "y1", "x2", "y2", "quality"]
    faces = builder.home.store.get("detections", builder.video_id, columns)
    if faces["face_id"].to_list() != face_ids:
        raise RecordTornError(f"the detections of {builder.video_id} changed while they were embedded.", remedy="Run again.")
    vectors, norms = to_unit_vectors(raw)
    known = builder.home.model_pack(builder.settings).recogniser.track_similarity
    labels = link_faces(
        faces["pts"].to_numpy(),
        faces["time_s"].to_numpy(),
        faces.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32),
        vectors,
        faces["quality"].to_numpy().astype(np.float32),
        TrackPolicy(_LONGEST_GAP_S, _USUAL_SIMILARITY if known is None else known),
    )
    order = np.lexsort((np.array(face_ids), -norms))  # of equals the first id, whatever the order of the rows
    return {face_ids[order[row]] for row in np.unique(labels[order], return_index=True)[1]}


def embed_crops(embedder: FaceEmbedder, crops: U8, is_mirrored: bool) -> F32:
    """Embed aligned faces; with mirroring, each vector is the mean of the face's and its mirror image's.

    Which pack gains by it: see `core.model_packs.MIRRORED`.
    """
    if not is_mirrored:
        return embedder.embed(crops)
    vectors = embedder.embed(np.concatenate([crops, crops[:, :, ::-1]]))
    return np.asarray((vectors[: len(crops)] + vectors[len(crops) :]) / 2, np.float32)
