"""What can go wrong, as a tree; every message names the cause and the remedy.

ProducerError
├── SettingsError        an environment variable is missing, empty or wrong
├── UnreachableError     a server does not answer
├── TopicError           a topic is absent or is not what the contracts say
├── RegistryError        the schema registry refused a call
│   └── IncompatibleSchemaError
├── DeliveryError        messages that were not acknowledged
├── LedgerError          a file of the ledger cannot be understood
├── SourceError          the topics hold other data than was asked for
├── MappingError         a mapping file does not fit its data
└── BadRowError          rows of a file cannot be sent
"""


class ProducerError(Exception):
    """Anything a command ends with; the text is one sentence for the user."""


class SettingsError(ProducerError):
    """An environment variable is missing, empty or wrong."""


class UnreachableError(ProducerError):
    """A server does not answer."""


class TopicError(ProducerError):
    """A topic is absent or is not what the contracts say."""


class RegistryError(ProducerError):
    """The schema registry refused a call."""


class IncompatibleSchemaError(RegistryError):
    """A schema breaks the compatibility that its subject promises."""


class DeliveryError(ProducerError):
    """Messages were not acknowledged by the broker."""


class LedgerError(ProducerError):
    """A file of the ledger cannot be understood."""


class SourceError(ProducerError):
    """The topics hold other data than the command would continue."""


class MappingError(ProducerError):
    """A mapping file does not fit its data."""


class BadRowError(ProducerError):
    """Rows of a file cannot be sent, and the command does not go on without them."""
