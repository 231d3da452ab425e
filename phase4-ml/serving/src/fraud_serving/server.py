"""Runs the API: one or several workers behind one port, drained on SIGTERM."""

import os
import shutil
import signal
import sys

import uvicorn

from fraud_features import FeatureSettings
from fraud_serving.settings import Settings

# A payment takes milliseconds: whoever is still talking after this is cut off.
DRAIN_SECONDS = 10
KEEP_ALIVE_SECONDS = 30


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; requests in hand are finished first.

    Raises:
        SettingsError: a setting is missing or unsafe.
        FeatureSettingsError: a setting of the features is no such number.
    """
    FeatureSettings.from_env()
    settings.require_api_key().require("postgres_host", "api_db_password")
    if settings.workers > 1:
        # Each worker writes its metrics there; what an earlier run left would be counted again.
        folder = settings.var_dir / "prometheus" / f"api-{settings.api_port}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.absolute())
    # Once drained, uvicorn raises the signal again for whoever handled it before: the default would report a death.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "fraud_serving.main:create_app",
        factory=True,
        host=settings.bind_host,
        port=settings.api_port,
        workers=settings.workers,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
