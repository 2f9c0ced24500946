"""The commands of ``portico`` by family; ``portal.cli`` puts them together."""
