"""docs/tables.md and the table of docs/settings.md are what the declarations say."""

from docs.make_tables import SETTINGS_PAGE, TABLES_PAGE, settings_page, tables_page

REMEDY = "run: python docs/make_tables.py"


def test_the_page_of_tables_is_current() -> None:
    assert TABLES_PAGE.read_text(encoding="utf-8") == tables_page(), REMEDY


def test_the_page_of_settings_is_current() -> None:
    assert SETTINGS_PAGE.read_text(encoding="utf-8") == settings_page(), REMEDY
