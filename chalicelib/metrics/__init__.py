"""The algorithm unit: raw samples become metrics with honest quality."""
