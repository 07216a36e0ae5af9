"""Captures: a shot's raw bytes, kept bit-exact for ever. The Raw database: objects in S3, their index in DynamoDB."""
