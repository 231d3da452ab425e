"""What can go wrong in training, as exceptions whose text is meant for the person at the terminal."""


class TrainingError(Exception):
    """Base of every error this package raises on purpose; its text says what to do.

    TrainingError
      +-- DataError        too little, unlabelled or broken data
      +-- ExportRefusedError    the served form does not reproduce the trained forest
      +-- RegistryError    the model registry lacks or contradicts something
    """


class DataError(TrainingError):
    """The data cannot carry a training run; the message names what is missing."""


class ExportRefusedError(TrainingError):
    """The parity gate found the served form different from the trained forest."""


class RegistryError(TrainingError):
    """The model registry lacks a version, a file or a tag, or its file does not match its record."""
