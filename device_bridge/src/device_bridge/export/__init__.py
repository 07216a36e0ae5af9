"""Captures written to files: exact bytes, CSV in plain Python, Parquet by an extra. What is missing is named."""
