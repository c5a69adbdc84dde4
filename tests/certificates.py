"""Certificates made for a test."""

import shutil
import subprocess
from pathlib import Path

OPENSSL = shutil.which("openssl")
"""The program that makes them; None: it is not installed."""


def certificate(folder: Path, name: str, *alternative: str) -> tuple[str, str]:
    """A certificate that signs itself, and its key."""
    assert OPENSSL is not None
    paths = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    names = ["-addext", f"subjectAltName={','.join(alternative)}"] if alternative else []
    wanted = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", *names]
    command = [OPENSSL, "req", "-x509", "-days", "2", "-out", paths[0], "-keyout", paths[1], *wanted]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a program found by name, for a test
    return paths
