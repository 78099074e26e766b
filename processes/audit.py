"""The audit log: a line for everything that changes something, with who wanted it.

Its lines are those of the logger ``vadose.audit``, so that an operator can send them to a place of
their own. Nothing secret is in them, and what a client wrote cannot break out of its quotes.
"""

from __future__ import annotations

import json
import logging

from processes.logs import AUDIT

LOGGER = logging.getLogger(AUDIT)


def audit(action: str, **facts: str | float | bool | None) -> None:
    """Write down an action.

    Parameters
    ----------
    action
        What was done: ``execute``, ``dismiss``, ``refused``, ``key-added``, …
    facts
        Who, to what, from where; None is left out. In JSON they are fields of ``audit``, too.
    """
    known = {name: fact for name, fact in facts.items() if fact is not None}
    said = " ".join(f"{name}={json.dumps(fact)}" for name, fact in known.items())
    LOGGER.info("%s %s", action, said, extra={"audit": {"action": action, **known}})
