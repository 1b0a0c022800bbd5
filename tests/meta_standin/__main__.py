"""`python -m tests.meta_standin --port 9100`: the stand-in by hand, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import threading

from tests.meta_standin.server import Meta, serving


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Meta on a loopback port.")
    parser.add_argument("--port", type=int, default=9100)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with serving(Meta(), parser.parse_args().port) as meta:
        for name, value in meta.variables.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.write("# Ctrl-C stops it\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
