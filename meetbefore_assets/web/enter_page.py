"""The page for browsers that are not logged in, in English and Chinese at once: the language is not known yet."""

from starlette.responses import HTMLResponse

from meetbefore_assets.web.addresses import ENTER
from meetbefore_assets.web.page_templates import environment


def enter_page(status: int, *, has_password: bool, problem: str = "") -> HTMLResponse:
    """The page that says how to log in.

    Args:
        status: of HTTP.
        has_password: whether there is a field for one.
        problem: link (used or too old), password (wrong), or "".
    """
    text = environment().get_template("enter.html.jinja").render(has_password=has_password, problem=problem, enter=ENTER)
    return HTMLResponse(text, status)


def reload_page() -> HTMLResponse:
    """A page that reloads itself at once, so that the second request is same-origin."""
    return HTMLResponse(environment().get_template("reload.html.jinja").render())
