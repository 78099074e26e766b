"""The programs beside this are run, not imported."""

collect_ignore = ["killing.py", "run.py", "service.py"]
