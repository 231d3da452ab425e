"""Benchmarks: our paths against what a user would pick instead, run in turn on the same machine, as ratios."""
