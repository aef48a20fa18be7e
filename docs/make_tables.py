"""Writes docs/tables.md from the declarations in meetbefore_assets/core/schema, and the table in docs/settings.md from those of settings.

usage: python docs/make_tables.py

Run it whenever a table, a column or a setting changes; a test compares the pages with the declarations.
"""

import json
import re
from pathlib import Path

from meetbefore_assets.core.schema.lists import TABLES, published_tables
from meetbefore_assets.core.schema.table import Column, Table
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.home.settings.settings_file import described_keys
from meetbefore_assets.storage.duckdb_sql import column_type

FOLDER = Path(__file__).parent
TABLES_PAGE, SETTINGS_PAGE = FOLDER / "tables.md", FOLDER / "settings.md"

INTRODUCTION = """\
# Tables

<!-- Written by docs/make_tables.py: change meetbefore_assets/core/schema and run it again. -->

The published database, `meetbefore.duckdb` in the home, holds the tables below. It opens with DuckDB 1.2 or later, DBeaver, Polars, pandas.
Times are UTC unless a column says local. `float[n]` is a vector with as many numbers as the recogniser gives. There are vectors and names
in it, but no pictures.

Tables and columns carry these meanings as comments, so that the database explains itself:

```sql
select table_name, comment from duckdb_tables() order by table_name;
select column_name, data_type, comment from duckdb_columns() where table_name = 'people' order by column_index;
```

Some questions:

```sql
-- whom do I keep meeting?
select coalesce(name, person_id) as person, encounters, days, span_h, score from people where role is null order by score desc limit 10;

-- when did I meet number one, and in which videos?
select started_at, video_id, faces, seconds_visible from encounter_scores
where person_id = (select person_id from people order by score desc limit 1) order by started_at;

-- who is met together most often?
select a.person_id as one, b.person_id as other, count(distinct a.encounter_id) as times
from encounter_scores a join encounter_scores b on a.video_id = b.video_id and a.person_id < b.person_id
where list_contains(a.seen_with, b.person_id) group by all order by times desc limit 10;
```
"""

RECORD = """\
## Only in the record

The record, `record/` in the home, keeps every table as Parquet, one file for each asset and video. These are not in the database:
"""


def tables_page() -> str:
    """The whole page, as it should be."""
    published = published_tables()
    names = {table.name for table in published}
    kept = [table for table in TABLES if table.name not in names and table.objects != "computed"]
    parts = [
        INTRODUCTION,
        "| table | holds |\n|---|---|",
        *(f"| [`{table.name}`](#{table.name}) | {table.meaning} |" for table in published),
    ]
    for table in published:
        parts.append(f"\n## {table.name}\n\n{_sentence(table.meaning)} Key: {_key(table)}.\n\n{_columns(table)}")
        private = [column for column in table.columns if not column.is_public]
        if private:
            parts.append(f"\nOnly in the record: {'; '.join(f'`{column.name}` ({column.meaning})' for column in private)}.")
    parts.append(f"\n{RECORD}\n| table | holds |\n|---|---|")
    parts.extend(f"| `{table.record_name}` | {table.meaning} |" for table in kept)
    return "\n".join(parts) + "\n"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _key(table: Table) -> str:
    return ", ".join(f"`{name}`" for name in table.key)


def _columns(table: Table) -> str:
    rows = [f"| `{column.name}` | {_type(table, column)} | {column.meaning} |" for column in table.public]
    return "\n".join(["| column | type | means |", "|---|---|---|", *rows])


def _type(table: Table, column: Column) -> str:
    words = column_type(table, column.name, 0).replace("float[0]", "float[n]")
    return f"{words}, or null" if column.is_nullable else words


def settings_page() -> str:
    """The page of settings as it should be: what is written by hand, with the table of today's keys."""
    values = Settings().model_dump(mode="json")
    rows = ["| key | default | means |", "|---|---|---|"]
    for key, meaning in described_keys():
        section, _, name = key.rpartition(".")
        value = (values[section] if section else values)[name]
        text = value if isinstance(value, str) else json.dumps(value)
        rows.append(f"| `{key}` | {f'`{text}`' if text else 'empty'} | {meaning} |")
    return re.sub(
        r"^\| key \|.*?\n(?=\n)", "\n".join(rows) + "\n", SETTINGS_PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


if __name__ == "__main__":
    TABLES_PAGE.write_text(tables_page(), encoding="utf-8")
    SETTINGS_PAGE.write_text(settings_page(), encoding="utf-8")
    print(f"{TABLES_PAGE}: {len(published_tables())} tables\n{SETTINGS_PAGE}: {len(described_keys())} settings")
