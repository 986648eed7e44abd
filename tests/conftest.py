"""Settings of the tests: property tests try the same examples on every machine and may be slow on a busy one."""

from hypothesis import settings

settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
