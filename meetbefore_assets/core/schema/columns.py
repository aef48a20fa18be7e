"""Types of columns, and the columns that several tables share."""

import polars as pl

from meetbefore_assets.core.schema.table import Column

CROP_SIDE_PX = 112
THUMBNAIL_SIDE_PX = 160

TEXT, INT, REAL, SINGLE, FLAG, BLOB = pl.String(), pl.Int64(), pl.Float64(), pl.Float32(), pl.Boolean(), pl.Binary()
NUMBER = pl.Int32()
TIME = pl.Datetime("us")
VECTOR = pl.List(pl.Float32)

VIDEO_ID = Column("video_id", TEXT, "safe stem of the file name and 8 hex digits of the content hash")
FACE_ID = Column("face_id", TEXT, "hash of content hash, pts and place in the picture")
FRAME_ID = Column("frame_id", TEXT, "8 hex digits of the content hash and the pts")
PERSON_ID = Column("person_id", TEXT, "hash of the person's earliest face")
TIME_S = Column("time_s", REAL, "seconds since the first picture of the video", least=0)
PTS = Column("pts", INT, "presentation time stamp in the stream's time base")
SEEN_AT = Column("seen_at", TIME, "wall clock, UTC")
