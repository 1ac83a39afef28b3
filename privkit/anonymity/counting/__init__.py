"""The exact counting engine: how often each code occurs, at any N and any size.

Nothing is imported here, so that small inputs never wait for a compiler: see
:mod:`~privkit.anonymity.counting.counter` and :mod:`~privkit.anonymity.counting.stored` for what
to call.
"""
