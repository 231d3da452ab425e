"""What can go wrong here, as one tree: every message is one sentence that names the cause and the remedy."""


class StreamError(Exception):
    """Base of every error that the commands of this package print instead of a traceback."""


class SettingsError(StreamError):
    """A setting is missing, empty or out of range."""


class BrokerError(StreamError):
    """Kafka does not answer, or a topic is missing."""


class RegistryError(StreamError):
    """The schema registry does not answer, or knows no schema of a subject."""


class ModelRegistryError(StreamError):
    """MLflow does not say which versions of tables registered models name."""


class CheckpointError(StreamError):
    """A table and the checkpoint that should feed it do not belong together."""


class LeaseError(StreamError):
    """Another Bronze writer holds the lease, or this one lost it."""


class LakehouseError(StreamError):
    """Trino does not answer or refuses a statement."""


class LedgerError(StreamError):
    """The producer's ledger cannot be read."""


class SelectionError(StreamError):
    """What was asked for does not exist, or is not written as it should be."""


class DispositionError(StreamError):
    """Somebody else decides about the same quarantined messages at this moment."""


class SessionError(StreamError):
    """Spark did not start."""


class QueryError(StreamError):
    """A streaming query ended by itself."""
