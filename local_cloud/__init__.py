"""The emulated cloud for development: AWS, API Gateway and Lambda in one process, without an account.

`python -m local_cloud serve` starts it; `local_cloud.cloud.LocalCloud` is the same as a context manager.
Nothing else in the project imports this package.
"""
