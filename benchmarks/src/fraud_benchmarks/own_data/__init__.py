"""A bank of another make than the simulator's, from its file to the backtest."""
