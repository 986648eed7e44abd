#!/bin/sh
# Show the course in the browser: on a Mac by double click on start.command.
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
  echo "Python 3.8 or newer is missing: install it from python.org or with your system's tools."
  exit 1
fi
exec python3 "$(dirname "$0")/start.py"
