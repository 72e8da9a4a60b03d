"""Secrets: a planted value is nowhere below the catalog, on no stream, in no event and in no process arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

import assetflow as af
from assetflow.executor.masking import Masker, secrets_in
from assetflow.project.request import Ask
from tests.cli.calling import environment

GIVEN, DEFAULT, RESOURCE, MADE = "gvn-'7Qz\"ü&x", "dflt-8Rw51", "rsrc\nline-two-9Kp\nx", "made-3Tn77"

ASSETS = """
import logging, os, subprocess, sys
import assetflow as af
from pydantic import Field, SecretStr

class Access(af.Config):
    password: SecretStr
    other: SecretStr = SecretStr(os.environ["PLANTED_DEFAULT"])

class Declared(af.Resource):
    token: SecretStr

class Made(af.Resource):
    token: SecretStr = Field(default_factory=lambda: SecretStr(os.environ["PLANTED_MADE"]))

declared = Declared(token=SecretStr(os.environ["PLANTED_RESOURCE"]))

def tell(context, *secrets):
    for secret in secrets:
        print("print", secret)
        print("repr", repr(secret), file=sys.stderr)
        logging.getLogger("any").warning("log %s", {"json": secret})
        context.logger.info(secret)
        context.emit("event", secret[:0] or "key", {"deep": [secret, {secret: 1}]})
        context.add_metadata(note=secret, deep={"list": [secret]})

COMPUTE = os.environ["PLANTED_COMPUTE"]

@af.asset(compute=COMPUTE)
def talks(context: af.Context, access: Access, one: Declared, two: Made) -> int:
    found = [access.password, access.other, one.token, two.token]
    tell(context, *(secret.get_secret_value() for secret in found))
    with open("/proc/self/cmdline", "rb") as file:
        open(os.environ["PLANTED_PROOF"], "ab").write(file.read())
    return 1

@af.asset(retry=1, compute=COMPUTE)
def fails(access: Access, two: Made) -> int:
    try:
        raise KeyError(access.password.get_secret_value())
    except KeyError as error:
        raise ValueError(f"no entry with {two.token.get_secret_value()}") from error

@af.asset(compute=COMPUTE)
def skips(access: Access) -> int:
    raise af.Skip("not with " + access.password.get_secret_value())
"""

SECRETS = (GIVEN, DEFAULT, "line-two-9Kp", MADE, "gvn-", "ü&x")


@pytest.mark.parametrize("compute", ["thread", "process"])
def test_a_planted_secret_is_nowhere(tmp_path: Path, compute: str) -> None:
    root, proof = tmp_path / "project", tmp_path / "proof"
    (root / "assets").mkdir(parents=True)
    (root / "assets" / "main.py").write_text(ASSETS)
    planted = {
        "PLANTED_DEFAULT": DEFAULT, "PLANTED_RESOURCE": RESOURCE, "PLANTED_MADE": MADE, "PLANTED_PROOF": str(proof),
        "ASSETFLOW_CONFIG__TALKS__PASSWORD": GIVEN, "PLANTED_COMPUTE": compute,
        "ASSETFLOW_CONFIG__FAILS__PASSWORD": GIVEN, "ASSETFLOW_CONFIG__SKIPS__PASSWORD": GIVEN,
    }  # fmt: skip
    shown = b""
    for words in (
        ["materialize", "-v"], ["run", "last", "-v"], ["run", "last", "--json"], ["logs", "last"], ["status", "--json"],
        ["config", "--show-origin"], ["show", "talks"], ["query", "from events"], ["query", "from materializations"],
        ["materialize", "--json"], ["plan", "--explain"],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "assetflow", *words],
            cwd=root, env=environment(**planted), capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        shown += done.stdout + done.stderr
    assert b"print ********" in shown  # the steps did run, and did tell
    assert b"no entry with ********" in shown
    assert b"not with ********" in shown
    kept = {path: path.read_bytes() for path in (root / "catalog").rglob("*") if path.is_file()}
    assert any(b"********" in data for data in kept.values())
    for secret in SECRETS:
        for shape in (secret, repr(secret)[1:-1], secret.encode("unicode_escape").decode()):
            data = shape.encode()
            assert data not in shown, shape
            assert data not in proof.read_bytes(), shape
            assert [str(path) for path, text in kept.items() if data in text] == [], shape


class Access(af.Config):
    password: SecretStr = SecretStr(DEFAULT)


def test_subscribers_and_echoes_hear_no_secret(tmp_path: Path) -> None:
    @af.asset
    def a(context: af.Context, access: Access) -> int:
        print(access.password.get_secret_value())
        context.add_metadata(password=access.password.get_secret_value())
        raise ValueError(access.password.get_secret_value())

    heard: list[str] = []
    with af.Project(assets=[a], root=tmp_path) as project:
        run = project.run_planned(
            project.planned(Ask()),
            on_event=[lambda event: heard.append(repr(event))],
            echo=lambda line: heard.append(repr(line)),
        )
    assert len(heard) > 3
    assert DEFAULT not in "".join(heard) + repr(run)


@pytest.mark.parametrize(
    ("secrets", "text", "masked"),
    [
        (["abcd"], "xabcdx", "x********x"),
        (["abc"], "xabcx", "xabcx"),  # too short to be told from other text
        (["abcd", "abcdef"], "abcdef abcd", "******** ********"),
        (["a\nb c'd"], repr("a\nb c'd"), '"********"'),
        (["p@ss/word"], "https://u:p%40ss%2Fword@h", "https://u:********@h"),
        ([], "anything", "anything"),
    ],
)
def test_masking(secrets: list[str], text: str, masked: str) -> None:
    assert Masker(secrets).text(text) == masked


@pytest.mark.parametrize("secret", [b"tok-\xff\xfe-9", "quo'ted sécret"])
def test_bytes_that_are_no_text_and_escaped_letters_are_masked(secret: str | bytes) -> None:
    class Access(af.Config):
        bytes_: SecretBytes = SecretBytes(b"")
        text: SecretStr = SecretStr("")

    given = Access(bytes_=SecretBytes(secret)) if isinstance(secret, bytes) else Access(text=SecretStr(secret))
    masker = Masker(secrets_in([given]))
    for shown in (repr(secret), ascii(secret), repr({"key": [secret]})):
        assert masker.text(shown) in (
            "b'********'",
            "'********'",
            '"********"',
            "{'key': [b'********']}",
            "{'key': ['********']}",
            "{'key': [\"********\"]}",
        ), shown
