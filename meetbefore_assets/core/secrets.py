"""Hides passwords, tokens and keys in text for users, logs and Dagster."""

import re

HIDDEN = "***"
# user:password@ in an address, up to the last @, because a password that is not percent-encoded may contain others.
_IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@?#'\"]*):[^\s'\"]*@", re.IGNORECASE)
# password=…, as in the query of an address and in the connection strings of databases and object stores.
_NAMED = re.compile(r"(\b\w*(?:password|passwd|secret|token|access_?key|account_?key|signature)\w*=|[?&]sig=)[^\s&;'\"]+", re.IGNORECASE)


def hide_secrets(text: str) -> str:
    """Replace whatever looks like a password by `***`.

    >>> hide_secrets("postgresql://me:pass@word@host/db?sslpassword=x&sslmode=require")
    'postgresql://me:***@host/db?sslpassword=***&sslmode=require'
    """
    return _NAMED.sub(rf"\g<1>{HIDDEN}", _IN_ADDRESS.sub(rf"\g<1>:{HIDDEN}@", text))
