"""The tested code of the course "Deep Learning, Tested"."""

__version__ = "0.1.0"
