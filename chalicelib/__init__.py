"""The cloud controller: a folder is a domain, a file name is a layer (docs/decisions/0002-the-house.md)."""
