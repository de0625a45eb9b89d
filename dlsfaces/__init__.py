"""dlsfaces: the helper package of a course on face recognition."""

__version__ = "0.1.0"
