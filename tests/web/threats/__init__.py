"""Threats that reach over several pages, each test named by the id of its threat."""
