import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import UsageError
from device_bridge.settings import (
    SETTINGS,
    CredentialMissingError,
    Settings,
    change_config,
    config_to_change,
    read_credential,
    resolve,
    write_credential,
)

SECRET = "s3cret-credential"
GIVEN = {
    "ports": ("/dev/ttyACM7", "/dev/env", "/dev/file"),
    "spool": ("/flag.db", "/env.db", "/file.db"),
    "api": ("https://flag", "https://env", "https://file"),
    "credential_file": ("/flag.cred", "/env.cred", "/file.cred"),
    "poll_s": ("1", "2", 3),
    "min_free_mib": ("1", "2", 3),
    "erase_verified": (True, "yes", True),
    "heartbeat_s": ("61", "62", 63.5),
    "log_format": ("json", "json", "json"),
}


def toml_text(value: object) -> str:
    """Return a value as TOML writes it."""
    return str(value).lower() if isinstance(value, bool | int | float) else f'"{value}"'


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Give an environment whose settings files are in a folder of the test's own."""
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


def write_config(home: dict[str, str], text: str) -> Path:
    """Write the user's settings file."""
    path = Path(home["XDG_CONFIG_HOME"]) / "device_bridge" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def plain(settings: Settings, name: str) -> str:
    """Return a setting's value in a form in which all sources can be compared."""
    value = getattr(settings, name)
    return value[0] if isinstance(value, tuple) else str(value)


def as_read(name: str, value: object) -> str:
    """Return what a setting becomes of a given value."""
    return plain(resolve({name: value}, {}), name)


def test_every_setting_is_tried() -> None:
    """The tests below try every setting there is."""
    assert {setting.name for setting in SETTINGS} == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_flag_over_environment_over_file_over_default(home: dict[str, str], name: str) -> None:
    """Each setting is taken from the first that gives it, and says which that was."""
    flag, environ, in_file = GIVEN[name]
    variable = next(setting.environ for setting in SETTINGS if setting.name == name)
    default = resolve({}, home)
    assert default.origins[name].kind == "default"
    path = write_config(home, f"{name} = {toml_text(in_file)}\n")
    from_file = resolve({name: None}, home)
    assert (plain(from_file, name), from_file.origins[name].where) == (as_read(name, in_file), str(path))
    from_environment = resolve({name: None}, {**home, variable: str(environ)})
    assert (plain(from_environment, name), from_environment.origins[name].where) == (as_read(name, environ), variable)
    from_flag = resolve({name: flag}, {**home, variable: str(environ)})
    assert (plain(from_flag, name), from_flag.origins[name].kind) == (as_read(name, flag), "flag")


def test_users_file_over_the_computers(home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's settings file wins over the computer's, key by key, and a named one stands alone."""
    system = tmp_path / "etc.toml"
    system.write_text('api = "https://system"\nmin_free_mib = 7\n')
    monkeypatch.setattr("device_bridge.settings.places.SYSTEM_CONFIG", system)
    users = write_config(home, 'api = "https://user"\n')
    settings = resolve({}, home)
    assert (settings.api, settings.min_free_mib) == ("https://user", 7)
    assert settings.origins["min_free_mib"].where == str(system)
    assert settings.config_files == (users, system)
    named = tmp_path / "named.toml"
    named.write_text("poll_s = 9\n")
    for settings in (resolve({"config": str(named)}, home), resolve({}, {**home, "DEVICE_BRIDGE_CONFIG": str(named)})):
        assert (settings.poll_s, settings.api, settings.config_files) == (9.0, None, (named,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('apo = "https://x"\n', "did you mean 'api'?"),
        ("poll = 3\n", "did you mean 'poll_s'?"),
        ("[ports]\na = 1\n", "neither a place nor a list of places"),
        ('zzzzzz = "?"\n', "there are ports, spool, api"),
        ('credential = "abc"\n', "device_bridge enrol"),
        ("api = \n", "is no TOML"),
        ("poll_s = -1\n", "is no number of seconds"),
        ("poll_s = true\n", "is no number of seconds"),
        ("poll_s = nan\n", "is no number of seconds"),
        ("min_free_mib = 1.5\n", "is no whole number of MiB"),
        ("erase_verified = 3\n", "is neither true nor false"),
        ('log_format = "xml"\n', "is none of text, json"),
        ("api = 3\n", "is no text"),
        ('spool = ""\n', "is no text"),
        ("ports = [3]\n", "is no text"),
        ("a = " + "[" * 5000, "is no TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(home: dict[str, str], text: str, message: str) -> None:
    """An unknown key, a wrong type or no TOML: one line that names the file and what to write."""
    path = write_config(home, text)
    with pytest.raises(UsageError) as raised:
        resolve({}, home)
    assert str(path) in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@given(text=st.text(max_size=60))
def test_any_text_is_settings_or_a_usage_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in a settings file, it is read or refused with the file's name, and nothing else happens."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    refusal = ""
    try:
        resolve({"config": str(path)}, {})
    except UsageError as error:
        refusal = str(error)
    assert not refusal or str(path) in refusal


def test_files_that_cannot_be_read(home: dict[str, str], tmp_path: Path) -> None:
    """A named file that is missing, a folder and bytes that are no text are one line each."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name, message in (("no.toml", "there is no settings file"), (".", "cannot be read"), ("binary.toml", "UTF-8")):
        with pytest.raises(UsageError, match=message):
            resolve({"config": str(tmp_path / name)}, home)


def test_paths_in_a_file_are_relative_to_it(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path in a settings file means the file's folder, and ~ the user's home."""
    monkeypatch.setenv("HOME", "/home/nobody")
    path = write_config(home, 'spool = "spool.db"\ncredential_file = "~/cred"\n')
    settings = resolve({}, home)
    assert settings.spool == path.parent / "spool.db"
    assert settings.credential_file == Path("/home/nobody/cred")


def test_several_ports_and_one() -> None:
    """Several places come as a list, with commas or as repeated flags; a command for one device asks which."""
    for given_ports in ("tcp://a:1, COM3", ["tcp://a:1", "COM3"]):
        settings = resolve({"ports": given_ports}, {})
        assert settings.ports == ("tcp://a:1", "COM3")
        with pytest.raises(UsageError, match="choose one with --port"):
            _ = settings.port
    assert resolve({"ports": ["COM3"]}, {}).port == "COM3"
    assert resolve({}, {}).port is None


def test_where_the_credential_comes_from(home: dict[str, str], tmp_path: Path) -> None:
    """A file named by a flag wins, then the environment's credential, then a file named there, then the usual one."""
    flag, environ = tmp_path / "flag", tmp_path / "environ"
    flag.write_text(" from-flag\n")
    environ.write_text("from-file\n")
    with pytest.raises(CredentialMissingError, match="enrol"):
        resolve({}, home).required_credential()
    usual = resolve({}, home).credential_file
    assert usual is not None
    write_credential(usual, "from-usual")
    assert resolve({}, home).required_credential() == "from-usual"
    named = {**home, "DEVICE_BRIDGE_CREDENTIAL_FILE": str(environ)}
    assert resolve({}, named).required_credential() == "from-file"
    both = {**named, "DEVICE_BRIDGE_CREDENTIAL": "from-environment"}
    assert resolve({}, both).required_credential() == "from-environment"
    settings = resolve({"credential_file": str(flag)}, both)
    assert settings.required_credential() == "from-flag"
    assert str(settings.credential_origin()) == str(flag)
    with pytest.raises(UsageError, match="cannot be read"):
        resolve({"credential_file": str(tmp_path / "no")}, home).required_credential()


def test_credential_is_in_no_representation() -> None:
    """Printing the settings never shows the credential."""
    settings = resolve({}, {"DEVICE_BRIDGE_CREDENTIAL": SECRET})
    assert settings.required_credential() == SECRET
    assert SECRET not in repr(settings) + str(settings)


def test_credential_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The file has mode 0600 in a folder of 0700, replaces a wider one whole, and leaves nothing else behind."""
    path = tmp_path / "config" / "credential"
    old_umask = os.umask(0)
    try:
        write_credential(path, SECRET)
    finally:
        os.umask(old_umask)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o644)
    old_umask = os.umask(0o377)
    try:
        write_credential(path, "another")
    finally:
        os.umask(old_umask)
    assert (read_credential(path), path.stat().st_mode & 0o777) == ("another", 0o600)
    assert list(path.parent.iterdir()) == [path]
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(UsageError, match="what was there before is kept"):
        write_credential(blocked / "credential", SECRET)


def test_a_linked_credential_stays_a_link(tmp_path: Path) -> None:
    """Where the credential's name is a link, what it points to is written."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_credential(tmp_path / "link", SECRET)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == f"{SECRET}\n"


@pytest.mark.parametrize(("mode", "is_exposed"), [(0o600, False), (0o400, False), (0o604, True), (0o644, True)])
def test_credential_that_others_can_read_is_told(tmp_path: Path, mode: int, is_exposed: bool) -> None:  # noqa: FBT001 - a case
    """A credential file that others can read is told of, with the command that mends it."""
    path = tmp_path / "credential"
    path.write_text(SECRET)
    path.chmod(mode)
    warning = resolve({"credential_file": str(path)}, {}).credential_warning()
    assert (warning is not None) == is_exposed
    if warning:
        assert f"chmod 600 {path}" in warning
        assert SECRET not in warning


CONFIG = """# the lane's bridge
ports = [ "1915:D978:SD-1",  # left
  "1915:D978:SD-2" ]
api = 'https://old'   # of the club
poll_s = 2.5
"""


def test_changing_a_file_keeps_the_rest(tmp_path: Path) -> None:
    """A changed settings file differs in that one value: comments, order and other line ends stay."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    path.chmod(0o640)
    change_config(path, {"api": "https://new"})
    assert path.read_text() == CONFIG.replace("'https://old'", '"https://new"')
    assert path.stat().st_mode & 0o777 == 0o640
    change_config(path, {"credential_file": '/x "y"\\z'})
    assert tomllib.loads(path.read_text())["credential_file"] == '/x "y"\\z'
    path.write_bytes(b"poll_s = 1\r\n# end")
    change_config(path, {"api": "https://a"})
    assert path.read_bytes() == b'poll_s = 1\r\n# end\r\napi = "https://a"\r\n'


def test_a_file_is_made_when_it_is_missing(tmp_path: Path) -> None:
    """Without a settings file one is made with what was set."""
    path = tmp_path / "new" / "config.toml"
    change_config(path, {"api": "https://a"})
    assert path.read_text() == 'api = "https://a"\n'


@pytest.mark.parametrize("text", ['"api" = "https://old"\n', 'api = """\nhttps://old"""\n', "api = 3\n"])
def test_a_file_that_cannot_be_changed_is_left_alone(tmp_path: Path, text: str) -> None:
    """A form that a program would have to guess at is not touched, and the line to write is told."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match='write api = "https://new" into it'):
        change_config(path, {"api": "https://new"})
    assert path.read_text() == text


def test_the_file_to_change(home: dict[str, str], tmp_path: Path) -> None:
    """The named settings file is changed, otherwise the user's own."""
    assert config_to_change({"config": "/x.toml"}, home) == Path("/x.toml")
    assert config_to_change({}, {**home, "DEVICE_BRIDGE_CONFIG": "/y.toml"}) == Path("/y.toml")
    assert config_to_change({}, home) == tmp_path / "config/device_bridge/config.toml"
