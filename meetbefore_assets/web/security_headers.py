"""Headers of every answer of the app's own pages: nothing from elsewhere, no script in the page, nothing kept by the browser."""

from starlette.datastructures import MutableHeaders

from meetbefore_assets.web.addresses import STATIC
from meetbefore_assets.web.asgi import App, Message, Receive, Scope, Send

# Nothing but what this server serves; no script or style that stands in the page itself, so that a name that slipped through an
# escape would still be text.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self'",
        "media-src 'self'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """An ASGI app that adds the headers to what `app` answers; those that it set itself stay."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                # Style and script may be kept, if the browser asks whether they changed; faces, names and videos never.
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(f"{STATIC}/") else "no-store")
            await send(message)

        await self._app(scope, receive, sending)
