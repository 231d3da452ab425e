"""The one shape of docker-compose.yml. compose-spec.json is the Compose Specification's schema as published in the Go
module github.com/compose-spec/compose-go/v2 v2.9.1 (Apache License 2.0)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from fraud_native.envfile import parse_env
from fraud_native.interpolation import interpolate, variables_in
from fraud_native.paths import COMPOSE_FILE, ENV_EXAMPLE, ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
EXAMPLE = parse_env(ENV_EXAMPLE.read_text(encoding="utf-8"))
KEY_ORDER = [
    *("image", "build", "profiles", "entrypoint", "command", "restart", "ports", "environment", "volumes"),
    *("healthcheck", "depends_on", "mem_limit", "logging"),
]
SECRET = re.compile(r"_(PASSWORD|SECRET|KEY)$")

each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_is_valid_by_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    errors = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in Draft202012Validator(schema).iter_errors(DOCUMENT)]
    assert errors == []


@each_service
def test_keys_come_in_one_order(name: str) -> None:
    assert list(SERVICES[name]) == [key for key in KEY_ORDER if key in SERVICES[name]]


@each_service
def test_nothing_is_left_to_chance(name: str) -> None:
    service = SERVICES[name]
    assert {"image", "profiles", "restart", "healthcheck", "mem_limit", "logging"} <= set(service)
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    one_shot = service["restart"] == "no"
    assert service["healthcheck"] == {"disable": True} if one_shot else service["healthcheck"]["test"]


@each_service
def test_the_image_is_pinned_and_can_be_replaced(name: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-.+\}", SERVICES[name]["image"])
    image = interpolate(SERVICES[name]["image"], EXAMPLE)
    tag = image.rpartition(":")[2]
    assert re.search(r"\d", tag), f"{image} is not pinned"


@each_service
def test_ports_are_published_on_loopback_by_a_variable(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        match = re.fullmatch(r"127\.0\.0\.1:\$\{(?P<variable>[A-Z_]+_PORT)\}:\d+", port)
        assert match, port
        assert match["variable"] in EXAMPLE


def test_no_port_is_published_twice() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published))


@each_service
def test_every_address_is_a_variable_never_the_name_of_a_service(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if variable == "MLFLOW_SERVER_ALLOWED_HOSTS":
            continue  # what clients may call the server, not an address that anybody connects to
        for service in SERVICES:
            assert not re.search(rf"(^|//|@){service}:\d|(//|@){service}(/|$)", str(value)), f"{variable}: {value}"


@each_service
def test_every_variable_is_known_and_secrets_are_demanded(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        for used in variables_in(str(value)):
            assert used in EXAMPLE, f"{variable} of {name} uses {used}, which .env.example does not know"
            if SECRET.search(used):
                assert f"${{{used}:?}}" in str(value), f"{used} may be empty"
        if SECRET.search(variable) and variable not in ("AIRFLOW__CORE__FERNET_KEY",):
            assert variables_in(str(value)), f"{variable} of {name} is written into the file"


@each_service
def test_dockerfiles_targets_and_mounted_folders_exist(name: str) -> None:
    service = SERVICES[name]
    if build := service.get("build"):
        text = (ROOT / build["dockerfile"]).read_text(encoding="utf-8")
        if "target" in build:
            assert re.search(rf"^FROM .* AS {build['target']}$", text, re.MULTILINE)
        for argument in build.get("args", {}):
            assert argument in EXAMPLE
            assert re.search(rf"^ARG .*\b{argument}\b", text, re.MULTILINE)
    for mount in service.get("volumes", []):
        source = mount.split(":")[0]
        # node exporter looks at the machine's own root
        assert (ROOT / source).exists() if source.startswith(("./", "/")) else source in DOCUMENT["volumes"]


def test_services_of_one_image_are_built_in_one_way() -> None:
    builds: dict[str, Any] = {}
    for service in SERVICES.values():
        assert builds.setdefault(service["image"], service.get("build")) == service.get("build")
