"""Monitoring: checks and reports made from closed runs."""
