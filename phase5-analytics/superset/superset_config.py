"""Superset's settings; whatever belongs to one machine comes from the environment, and nothing has a default there."""

import os
import secrets
from datetime import timedelta

from flask import Flask

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DB_URI"]
# the server has 150 connections for everybody; one that a restart cut is replaced before it is used
SQLALCHEMY_ENGINE_OPTIONS = {"pool_size": 5, "max_overflow": 15, "pool_pre_ping": True}

APP_NAME = "fraud-watch"

# ---- who comes in
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# plain HTTP on loopback: a browser would not send a cookie that asks for TLS
SESSION_COOKIE_SECURE = False
WTF_CSRF_ENABLED = True
# Passwords cannot be guessed by trial, and no address can keep the one process busy. Counted in memory: there is one.
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
RATELIMIT_APPLICATION = "100 per second"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per minute"


def FLASK_APP_MUTATOR(app: Flask) -> None:  # noqa: N802 - Superset calls it so
    """Limit both places that take a password: Superset 6.1 itself limits the form's page only, which takes none."""
    limiter = app.appbuilder.sm.limiter
    for endpoint in ("AuthDBView.login", "SecurityApi.login"):
        limited = limiter.limit(AUTH_RATE_LIMIT, methods=["POST"])
        app.view_functions[endpoint] = limited(app.view_functions[endpoint])


# Both belong to features that are off; the defaults are published, so these are drawn anew at each start.
GUEST_TOKEN_JWT_SECRET = secrets.token_hex(32)
GLOBAL_ASYNC_QUERIES_JWT_SECRET = secrets.token_hex(32)

# ---- what a page may load: nothing from outside (the pages ask for a counting pixel), and only scripts of this server
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        # the components write their styles into the page
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    # plain HTTP on loopback
    "force_https": False,
    "session_cookie_secure": False,
}
ENABLE_CORS = False
FAB_API_SWAGGER_UI = False

# ---- what a query may cost; Trino has 800 MB for all of them together, and a laptop is busy with much else
SQLLAB_TIMEOUT = 120
SUPERSET_WEBSERVER_TIMEOUT = 120
SQL_MAX_ROW = 50_000
ROW_LIMIT = 10_000
# The rows of Gold change with each run of the pipeline, and a dashboard says how old they are: nothing is cached.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

FEATURE_FLAGS = {
    # these would need a message queue and a browser beside the server
    "ALERT_REPORTS": False,
    "THUMBNAILS": False,
    # SQL with templates runs code of the one who wrote it
    "ENABLE_TEMPLATE_PROCESSING": False,
}
