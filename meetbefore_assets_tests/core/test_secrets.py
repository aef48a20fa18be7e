"""Passwords are hidden in whatever people, logs and Dagster are told; all else stays readable."""

import pickle

import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.secrets import hide_secrets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:hush@host/db", "postgresql://me:***@host/db"),
        ("postgres://:hush@host", "postgres://:***@host"),
        ("postgresql://me:hu@sh/hu@host/db", "postgresql://me:***@host/db"),
        (
            "could not reach 'postgresql://me:hush@host/db', nor s3://me:hush@b",
            "could not reach 'postgresql://me:***@host/db', nor s3://me:***@b",
        ),
        ("postgresql:///db?user=me&password=hush&sslpassword=hush", "postgresql:///db?user=me&password=***&sslpassword=***"),
        ("host=h password=hush dbname=d", "host=h password=*** dbname=d"),
        ("az://c/f?sv=1&sig=hush%3D&se=2", "az://c/f?sv=1&sig=***&se=2"),
        ("AWS_SECRET_ACCESS_KEY=hush AWS_REGION=eu", "AWS_SECRET_ACCESS_KEY=*** AWS_REGION=eu"),
        ("AccountKey=hush;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
    ],
)
def test_what_is_hidden(text: str, told: str) -> None:
    assert hide_secrets(text) == told
    assert hide_secrets(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "postgresql://me@host:5432/db",
        "s3://bucket/folder/a:b@c.mp4",
        "/home/me/10:30@home.mp4 of 2025",
        "http://localhost:3000/runs",
        "matching.threshold=0.4, design=old",
        "video@12.5",
    ],
)
def test_what_stays(text: str) -> None:
    assert hide_secrets(text) == text


def test_no_error_shows_a_password_also_in_another_process() -> None:
    error = StoreError("postgresql://me:hush@host is away.", remedy="Try psql postgresql://me:hush@host.")
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert "hush" not in f"{each} {each!r} {each.args} {each.message} {each.remedy}"
        assert "postgresql://me:***@host" in str(each)
