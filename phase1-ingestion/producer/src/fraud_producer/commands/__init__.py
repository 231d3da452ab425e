"""The commands of ``fraud-producer``, grouped by what they do."""
