"""Administration over HTTP: for users whose role, read at each call, is admin."""

from chalicelib.accounts.audit_model import AuditList, AuditQuery
from chalicelib.accounts.service import authenticate
from chalicelib.accounts.user_model import Id
from chalicelib.administration import devices, examples, users
from chalicelib.administration.model import ManagedDevice, ManagedUser, ManagedUserList, RoleChange, UsersQuery
from chalicelib.call import Call, Reply
from chalicelib.devices.claims import DeviceBusy
from chalicelib.devices.model import Serial
from chalicelib.operation import Scope
from chalicelib.preconditions import entity_tag
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "administration")
_ONE = {"user_id": Id}
_ONE_DEVICE = {"serial": Serial}


@routes.get(
    "/v1/admin/users",
    scope=Scope.ADMIN,
    response=ManagedUserList,
    query=UsersQuery,
    answer_example=examples.USERS,
)
def list_users(call: Call[None]) -> ManagedUserList:
    """List users by username, those that begin with a text or all.

    A user who registered a moment ago may be missing.
    """
    query = call.query
    return users.overview(call.caller.user_id, query.username, query.limit, query.cursor)


@routes.get(
    "/v1/admin/users/{user_id}",
    scope=Scope.ADMIN,
    response=ManagedUser,
    parameters=_ONE,
    answer_example=examples.USER,
)
def get_user(call: Call[None], user_id: str) -> ManagedUser:
    """Show a user."""
    return users.find(call.caller.user_id, user_id)


@routes.post(
    "/v1/admin/users/{user_id}/lock",
    scope=Scope.ADMIN,
    response=ManagedUser,
    parameters=_ONE,
    problems=(users.OwnAccount,),
    answer_example=examples.USER,
)
def lock_user(call: Call[None], user_id: str) -> ManagedUser:
    """Lock an account: all its logins end, and no new one opens."""
    return users.lock(call.caller.user_id, user_id)


@routes.post(
    "/v1/admin/users/{user_id}/unlock",
    scope=Scope.ADMIN,
    response=ManagedUser,
    parameters=_ONE,
    problems=(users.OwnAccount,),
    answer_example=examples.USER,
)
def unlock_user(call: Call[None], user_id: str) -> ManagedUser:
    """Unlock an account; its user has to log in again."""
    return users.unlock(call.caller.user_id, user_id)


@routes.put(
    "/v1/admin/users/{user_id}/role",
    scope=Scope.ADMIN,
    request=RoleChange,
    response=ManagedUser,
    parameters=_ONE,
    problems=(users.OwnAccount,),
    example=examples.ROLE,
    answer_example=examples.USER,
)
def set_role(call: Call[RoleChange], user_id: str) -> ManagedUser:
    """Give a user a role, in force with the user's next request."""
    return users.set_role(call.caller.user_id, user_id, call.body.role)


@routes.get(
    "/v1/admin/devices/{serial}",
    scope=Scope.ADMIN,
    response=ManagedDevice,
    parameters=_ONE_DEVICE,
    etag=True,
    answer_example=examples.DEVICE,
)
def get_claim(call: Call[None], serial: str) -> Reply:
    """Show who has a device, or had it last."""
    device, version = devices.show(call.caller.user_id, serial)
    return Reply(device, headers={"ETag": entity_tag(version)})


@routes.delete(
    "/v1/admin/devices/{serial}",
    scope=Scope.ADMIN,
    parameters=_ONE_DEVICE,
    problems=(DeviceBusy,),
    if_match=True,
)
def end_claim(call: Call[None], serial: str) -> Reply:
    """Release a device from whoever has it: it is free from now on, and what came until now stays in the account."""
    devices.release(call.caller.user_id, serial, call.if_match)
    return Reply(None)


@routes.get("/v1/admin/audit", scope=Scope.ADMIN, response=AuditList, query=AuditQuery, answer_example=examples.AUDIT)
def list_audit(call: Call[None]) -> AuditList:
    """List what admins did and what was denied on a day, newest first; users appear by pseudonym."""
    query = call.query
    return users.audit_of(call.caller.user_id, query.date, query.limit, query.cursor)
