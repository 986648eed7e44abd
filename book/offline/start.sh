#!/bin/sh
# Show the course in the browser: on a Mac by double click on start.command.
cd "$(dirname "$0")" || exit 1
if ! command -v python3 >/dev/null; then
  echo "Python 3 is missing: install it from python.org or with your system's tools."
  exit 1
fi
exec python3 start.py
