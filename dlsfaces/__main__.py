"""``python -m dlsfaces``: the command line."""

from dlsfaces.cli import main

main()
