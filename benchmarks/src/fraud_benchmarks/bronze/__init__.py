"""The Bronze writer against a bare append, and with its safety off."""
