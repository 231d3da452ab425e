"""Roles and users: an administrator, and an analyst who explores, keeps charts of his own, and no more."""

from collections.abc import Iterable
from typing import Any

from superset import appbuilder, db, security_manager
from superset.models.core import Database

ANALYST = "Analyst"
# Superset's own roles that Analyst is made of: Gamma looks, explores and keeps charts of his own, sql_lab runs queries
_PARTS = ("Gamma", "sql_lab")
# What these give beyond that. Charts and dashboards may be written, but only by their owners: Superset asks for each.
_NOT_FOR_ANALYSTS = {
    ("can_export", "ImportExportRestApi"),
    ("can_import", "ImportExportRestApi"),
    ("can_write", "Annotation"),
    ("can_write", "CssTemplate"),
    ("can_write", "Theme"),
    ("can_write", "DynamicPlugin"),
    ("can_write", "Tag"),
    ("can_write", "Tags"),
    ("can_set_embedded", "Dashboard"),
}


def make_admin(name: str, password: str) -> Any:
    """Brings Superset's own roles up to date, and makes or corrects the administrator."""
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    return _user(name, password, security_manager.find_role("Admin"))


def make_analyst(name: str, password: str, database_uuids: Iterable[str]) -> None:
    """Makes or corrects the analyst's role, which may ask these databases, and the analyst."""
    role = security_manager.add_role(ANALYST)
    granted = {each for part in _PARTS for each in security_manager.find_role(part).permissions}
    for database in db.session.query(Database).filter(Database.uuid.in_(list(database_uuids))):
        granted.add(security_manager.add_permission_view_menu("database_access", database.perm))
    role.permissions = [
        each for each in granted if (each.permission.name, each.view_menu.name) not in _NOT_FOR_ANALYSTS
    ]
    db.session.commit()
    _user(name, password, role)


def _user(name: str, password: str, role: Any) -> Any:
    user = security_manager.find_user(username=name)
    if user is None:
        email = f"{name}@localhost"
        user = security_manager.add_user(name, name.capitalize(), "fraud-watch", email, role, password=password)
        if not user:
            raise SystemExit(f"superset-init: the user {name} could not be made: see the messages above")
    else:
        user.roles = [role]
        security_manager.reset_password(user.id, password)
        db.session.commit()
    return user
