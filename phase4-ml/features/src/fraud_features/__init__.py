"""The one feature definition and the modules that compile it."""
