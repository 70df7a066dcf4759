"""`python -m textclf` is `textclf`."""

from textclf.cli.main import run

run()
