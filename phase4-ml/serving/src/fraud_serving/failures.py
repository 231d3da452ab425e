"""What a person at the terminal reads when a command cannot do its work: one sentence and the remedy."""

from confluent_kafka import KafkaException
from psycopg import Error as PostgresError
from pydantic import ValidationError
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError
from sqlalchemy.exc import DBAPIError

from fraud_features.settings import FeatureSettingsError
from fraud_serving.errors import SettingsError
from fraud_serving.settings import Settings


def explain(error: Exception) -> str | None:
    """The sentence for a failure that can be expected; ``None`` for one that is a fault of ours."""
    sentence: str | None = None
    match error:
        case SettingsError() | FeatureSettingsError():
            sentence = str(error)
        case ValidationError() if error.title == Settings.__name__:
            first = error.errors(include_input=False, include_url=False)[0]
            sentence = f"{first['loc'][0]} is wrong ({first['msg']}): correct it in .env"
        case AuthenticationError() | AuthorizationError():
            sentence = "Redis refused the password: .env was changed after it started, run `make restart SERVICE=redis`"
        case RedisError():
            sentence = f"Redis does not answer ({_line(error)}): run `make start SERVICE=redis`"
        case DBAPIError():
            sentence = _postgres(error.orig or error)
        case PostgresError():
            sentence = _postgres(error)
        case KafkaException():
            sentence = f"Kafka does not answer ({_line(error.args[0].str())}): run `make start SERVICE=kafka`"
    return sentence


def _postgres(error: BaseException) -> str:
    return f"PostgreSQL refused or did not answer ({_line(error)}): run `make start SERVICE=postgres`"


def _line(error: object) -> str:
    return " ".join(str(error).split())
