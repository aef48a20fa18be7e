"""Attacks on a home and its servers, one file per subject. Each attack runs against real processes and reports its outcome."""
