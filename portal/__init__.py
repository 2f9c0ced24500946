"""Portico: a developer portal where API access is asked for, decided, issued and remembered."""

__version__ = "0.1.0"
