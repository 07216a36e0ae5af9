"""The bridge's settings: flags over the environment over settings files over defaults, each with where it came from."""

from device_bridge.settings.credential import (
    CredentialMissingError,
    check_credential,
    read_credential,
    write_credential,
)
from device_bridge.settings.enrolment_lock import EnrolmentLock
from device_bridge.settings.files import change_config, read_config
from device_bridge.settings.pending import (
    PendingSecret,
    forget_pending,
    keep_pending,
    pending_api,
    pending_place,
    read_pending,
)
from device_bridge.settings.resolution import Settings, config_to_change, resolve
from device_bridge.settings.table import CONFIG, CREDENTIAL, SETTINGS, read_seconds

__all__ = [
    "CONFIG",
    "CREDENTIAL",
    "SETTINGS",
    "CredentialMissingError",
    "EnrolmentLock",
    "PendingSecret",
    "Settings",
    "change_config",
    "check_credential",
    "config_to_change",
    "forget_pending",
    "keep_pending",
    "pending_api",
    "pending_place",
    "read_config",
    "read_credential",
    "read_pending",
    "read_seconds",
    "resolve",
    "write_credential",
]
