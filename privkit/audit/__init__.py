"""The audit: is a store of features de-identified? With evidence a sceptic accepts.

``audit.py`` is the whole of it, from top to bottom; ``policy.py`` says what is allowed,
``material.py`` what is given, the files of the five risks what is tried, ``controls.py`` whether
the tries were worth anything, ``verdicts.py`` what follows.
"""
