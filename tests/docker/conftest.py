"""The programs beside this are run, not imported."""

collect_ignore = ["containers.py", "image.py", "profiles.py"]
