"""`quoth token`: makes, lists and revokes API keys."""

import argparse
import sys
import time
from contextlib import closing
from dataclasses import asdict
from datetime import date

from index.errors import SettingsError
from index.exit_codes import print_json
from ui.access.keyring import Keyring
from ui.access.person import ALL_SCOPES
from ui.command.terminal import Terminal
from ui.settings import ServerSettings


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    with closing(Keyring.open(settings.data)) as keyring:
        if args.action == "new":
            key, secret = keyring.make(args.user, args.group, args.scope or ALL_SCOPES, args.days)
            if args.json:
                print_json({**asdict(key), "token": secret})
            else:
                # only the key goes to standard output, so that it can be piped
                sys.stdout.write(f"{secret}\n")
                Terminal(sys.stderr).say(f"The key {key.id} of {key.user}. It is shown this once: keep it.")
        elif args.action == "list":
            keys, terminal = keyring.keys(), Terminal()
            if args.json:
                print_json([asdict(key) for key in keys])
            elif not keys:
                terminal.say("There are no keys yet. Make one with quoth token new NAME.")
            else:
                for key in keys:
                    groups = f" in {', '.join(key.groups)}" if key.groups else ""
                    expiry = "expired" if key.expires <= time.time() else f"until {date.fromtimestamp(key.expires)}"
                    terminal.say(f"{key.id}  {key.user}{groups}: {', '.join(key.scopes)}, {expiry}")
        elif not keyring.revoke(args.id):
            raise SettingsError(f"there is no key {args.id!r}", "quoth token list shows all keys")
    return 0
