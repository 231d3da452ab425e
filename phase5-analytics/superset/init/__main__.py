"""Brings Superset's database up to date: schema, roles, two users and everything under ``assets``; safe to repeat.

When nothing has changed since the last time it says so and ends, before it has loaded Superset. What somebody has
changed by hand in Superset stays until then; objects of other people are never touched.
"""

import os
import sys

from bundle import read_bundle
from last_time import LastTime


def main() -> None:
    """Does what is not done yet."""
    bundle = read_bundle(os.environ["TRINO_URL"])
    last_time = LastTime(os.environ["SUPERSET_DB_URI"], os.environ["SUPERSET_SECRET_KEY"])
    wanted = last_time.digest(bundle.texts, os.environ)
    if last_time.recorded() == wanted:
        print("superset-init: nothing has changed")
        return
    # from here on it costs seconds
    from superset.app import create_app

    with create_app().app_context():
        from accounts import make_admin, make_analyst
        from flask_migrate import upgrade
        from importing import import_bundle

        upgrade()
        admin = make_admin(os.environ["SUPERSET_ADMIN_USER"], os.environ["SUPERSET_ADMIN_PASSWORD"])
        print(f"superset-init: {import_bundle(bundle, admin)}")
        make_analyst(
            os.environ["SUPERSET_ANALYST_USER"], os.environ["SUPERSET_ANALYST_PASSWORD"], bundle.database_uuids
        )
    last_time.record(wanted)


if __name__ == "__main__":
    sys.exit(main())
