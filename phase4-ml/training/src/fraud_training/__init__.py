"""Training, evaluation and promotion of the fraud classifier."""
