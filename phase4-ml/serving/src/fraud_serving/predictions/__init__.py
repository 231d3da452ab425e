"""`POST /predict`: one payment in, one recorded decision out."""
